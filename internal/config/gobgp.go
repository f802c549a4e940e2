package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// GoBGP says which gobgpd is to have its neighbors disabled while their sessions
// have failed. The zero GoBGP is none.
type GoBGP struct {
	API           string // host:port, or unix: and an absolute path
	FromNeighbors bool   // every neighbor gets a session
	Profile       string // of these sessions; may not exist yet
}

func (d *document) gobgp(into *GoBGP) func(value) {
	return func(v value) {
		before := len(d.problems)
		if !d.mapping(v, fields{
			"api":            d.gobgpAPI(&into.API),
			"from-neighbors": d.flag(&into.FromNeighbors),
			"profile":        d.string(&into.Profile),
		}) || len(d.problems) > before {
			return
		}
		switch {
		case into.API == "" && *into != GoBGP{}:
			d.fault(v, "api is missing: say where gobgpd answers, as in api: 127.0.0.1:50051")
		case into.Profile != "" && !into.FromNeighbors:
			d.fault(v, "profile is for the sessions of from-neighbors: set that to true, or remove it")
		}
	}
}

func (d *document) gobgpAPI(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		if path, unix := strings.CutPrefix(s, "unix:"); unix {
			if !strings.HasPrefix(path, "/") {
				d.fault(v, "%q is not an absolute path behind unix: start it with a slash", s)
				return
			}
			*into = s
			return
		}
		host, port, err := net.SplitHostPort(s)
		n, perr := strconv.ParseUint(port, 10, 16)
		a, aerr := netip.ParseAddr(host)
		if err != nil || perr != nil || n == 0 || host != "localhost" && aerr != nil {
			d.fault(v, "%q is not where gobgpd could answer: write it as 127.0.0.1:50051, \"[::1]:50051\" or unix:/run/gobgpd.sock", s)
			return
		}
		if aerr == nil && !a.IsLoopback() {
			d.warn(v, "%s is not this host: whoever is on the way can disable neighbors too, for nothing of it is encrypted", s)
		}
		*into = s
	}
}

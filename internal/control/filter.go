package control

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

// parseFilter reads the parameters of a query, of which only the allowed ones
// may be there. The error is an *Error of CodeBadRequest.
func parseFilter(raw string, allowed ...string) (Filter, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return Filter{}, Errorf(CodeBadRequest, "the query cannot be read: %s", err)
	}
	var f Filter
	for _, name := range slices.Sorted(maps.Keys(q)) {
		value := q.Get(name)
		wrong := ""
		switch {
		case !slices.Contains(allowed, name):
			wrong = unknown("parameter", name, allowed)
			if len(allowed) == 0 {
				wrong = "unknown parameter: this route takes none"
			}
		case len(q[name]) > 1:
			wrong = "stands more than once"
		case name == "peer":
			wrong = setAddr(&f, &f.Peer, value)
		case name == "local":
			wrong = setAddr(&f, &f.Local, value)
		case name == "interface":
			f.Interface = value
		case name == "vrf":
			f.VRF = value
		case name == "profile":
			f.Profile = value
		case name == "owner":
			f.Owner = value
		case name == "multihop" && value != "true" && value != "false":
			wrong = fmt.Sprintf("%q is not true or false", value)
		case name == "multihop":
			multihop := value == "true"
			f.Multihop = &multihop
		case name == "state" && !slices.Contains(States, value):
			wrong = fmt.Sprintf("%q is not one of %s", value, strings.Join(States, ", "))
		case name == "state":
			f.State = value
		}
		if wrong != "" {
			return Filter{}, &Error{Code: CodeBadRequest, Field: name, Message: wrong}
		}
	}
	return f, nil
}

// setAddr takes the zone of fe80::1%eth0 for the interface, unless that is
// named too.
func setAddr(f *Filter, into *netip.Addr, text string) (wrong string) {
	addr, err := config.ParseAddr(text)
	if err != nil {
		return err.Error()
	}
	*into = addr.WithZone("")
	f.Interface = cmp.Or(f.Interface, addr.Zone())
	return ""
}

// selector is what {id} and the query of a route say together: one session, by
// its local discriminator or by its peer's address.
type selector struct {
	id uint32 // 0 when the peer's address is given
	Filter
}

func parseSelector(id, rawQuery string) (selector, error) {
	f, err := parseFilter(rawQuery, "interface", "local", "vrf", "multihop")
	if err != nil {
		return selector{}, err
	}
	if n, err := strconv.ParseUint(id, 10, 32); err == nil && n > 0 {
		return selector{uint32(n), f}, nil
	}
	if strings.Trim(id, "0123456789") == "" || setAddr(&f, &f.Peer, id) != "" {
		return selector{}, Errorf(CodeBadRequest,
			"%q is neither the address of a peer nor a local discriminator", id)
	}
	return selector{0, f}, nil
}

// one returns the only session of found, or an *Error that helps to choose.
func (s selector) one(found []Session) (Session, error) {
	switch len(found) {
	case 0:
		return Session{}, Errorf(CodeNotFound, "no session with %s", s)
	case 1:
		return found[0], nil
	}
	const most = 8
	var b strings.Builder
	for i := range found[:min(len(found), most)] {
		x := &found[i]
		local := "-"
		if x.Local.IsValid() {
			local = x.Local.String()
		}
		fmt.Fprintf(&b, "\n  %d: local %s, interface %s", x.LocalDiscriminator, local, cmp.Or(x.Interface, "-"))
		if x.VRF != config.DefaultVRF {
			b.WriteString(", VRF " + x.VRF)
		}
		if x.Multihop {
			b.WriteString(", multihop")
		}
	}
	if len(found) > most {
		fmt.Fprintf(&b, "\n  and %d more", len(found)-most)
	}
	return Session{}, Errorf(CodeAmbiguous, "%d sessions with %s: name one by interface, local, vrf, multihop or its discriminator%s",
		len(found), s, &b)
}

// String describes what was asked for, in words.
func (s selector) String() string {
	var words []string
	if s.id != 0 {
		words = append(words, fmt.Sprintf("local discriminator %d", s.id))
	}
	for _, name := range []string{"peer", "local", "interface", "vrf", "multihop"} {
		if value := s.Query().Get(name); value != "" {
			words = append(words, name+" "+value)
		}
	}
	return strings.Join(words, ", ")
}

package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Defaults and limits of dplane.
const (
	DefaultDPlanePort = 50700 // bfdd's
	DefaultDPlaneHold = 30 * time.Second
	MaxDPlaneHold     = time.Hour
)

// DPlane is where FRR's bfdd is, or comes, to have sessions run by this daemon. It
// is comparable.
type DPlane struct {
	Connect bool // bfdd listens; otherwise it connects
	Address DPlaneAddress
	Hold    time.Duration // how long its sessions outlive the connection
	Group   string        // of the unix socket that is listened on; empty leaves the process's own
}

// DPlaneAddress is an address in bfdd's words.
type DPlaneAddress struct {
	Path string // of a unix socket; empty for TCP
	TCP  netip.AddrPort
}

// Network returns the name and the address as package net wants them.
func (a DPlaneAddress) Network() (network, address string) {
	if a.Path != "" {
		return "unix", a.Path
	}
	return "tcp", a.TCP.String()
}

// String returns the address as bfdd's --dplaneaddr takes it.
func (a DPlaneAddress) String() string {
	switch {
	case a.Path != "":
		return "unix:" + a.Path
	case a.TCP.Addr().Is4():
		return "ipv4:" + a.TCP.String()
	}
	return "ipv6:" + a.TCP.String()
}

// ParseDPlaneAddress reads unix:PATH, ipv4:ADDRESS[:PORT] or
// ipv6:[ADDRESS][:PORT].
func ParseDPlaneAddress(s string) (DPlaneAddress, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "unix":
		if !strings.HasPrefix(rest, "/") {
			return DPlaneAddress{}, fmt.Errorf("%q names no socket: write unix: and an absolute path", s)
		}
		return DPlaneAddress{Path: rest}, nil
	case "unixc", "ipv4c", "ipv6c":
		return DPlaneAddress{}, fmt.Errorf("%q is what bfdd is given to connect to: here it is listen: \"%s:%s\"", s, kind[:4], rest)
	case "ipv4", "ipv6":
	default:
		return DPlaneAddress{}, fmt.Errorf("%q is no address of a data plane: write unix:/PATH, ipv4:127.0.0.1:50700 or ipv6:[::1]:50700", s)
	}
	at, err := netip.ParseAddrPort(rest)
	if err != nil {
		addr, aerr := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"))
		at, err = netip.AddrPortFrom(addr, DefaultDPlanePort), aerr
	}
	switch {
	case err != nil || at.Port() == 0 || at.Addr().Zone() != "":
		return DPlaneAddress{}, fmt.Errorf("%q is no address and port: write ipv4:127.0.0.1:50700 or ipv6:[::1]:50700", s)
	case at.Addr().Is4() != (kind == "ipv4"):
		return DPlaneAddress{}, fmt.Errorf("%q has an address of the other family: begin it with %s", s, map[bool]string{true: "ipv4:", false: "ipv6:"}[at.Addr().Is4()])
	}
	return DPlaneAddress{TCP: at}, nil
}

func (d *document) dplane(into *[]DPlane) func(value) {
	return func(v value) {
		lines := map[DPlaneAddress]int{}
		d.list(v, func(v value) {
			p := DPlane{Hold: DefaultDPlaneHold}
			before := len(d.problems)
			var connect, listen DPlaneAddress
			d.mapping(v, fields{
				"connect": d.dplaneAddress(&connect),
				"listen":  d.dplaneAddress(&listen),
				"hold":    d.duration(&p.Hold, MaxDPlaneHold),
				"group":   d.string(&p.Group),
			})
			if len(d.problems) > before {
				return
			}
			none := DPlaneAddress{}
			p.Connect, p.Address = connect != none, connect
			if !p.Connect {
				p.Address = listen
			}
			switch line, twice := lines[p.Address]; {
			case (connect == none) == (listen == none):
				d.fault(v, "want one of connect, where bfdd listens (--dplaneaddr unix:PATH), and listen, where it connects (unixc:PATH)")
			case p.Group != "" && (p.Connect || listen.Path == ""):
				d.fault(v, "group is of a unix socket that is listened on: remove it")
			case twice:
				d.fault(v, "%s stands on line %d already: keep one of them", p.Address, line)
			default:
				if !p.Connect && listen.Path == "" && !listen.TCP.Addr().IsLoopback() {
					d.warn(v, "the protocol has no authentication: whoever reaches %s can have sessions run here; an address such as ipv4:127.0.0.1 is safer", listen)
				}
				lines[p.Address] = d.line(v)
				*into = append(*into, p)
			}
		})
	}
}

func (d *document) dplaneAddress(into *DPlaneAddress) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		a, err := ParseDPlaneAddress(s)
		if err != nil {
			d.fault(v, "%s", err)
			return
		}
		*into = a
	}
}

func (p DPlane) document() DocDPlane {
	doc := DocDPlane{Hold: duration(p.Hold), Group: p.Group}
	if p.Connect {
		doc.Connect = p.Address.String()
	} else {
		doc.Listen = p.Address.String()
	}
	return doc
}

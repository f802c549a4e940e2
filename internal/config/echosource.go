package config

import (
	"net/netip"

	"github.com/goccy/go-yaml/ast"
)

const (
	sectionEcho  = "echo-source"
	fieldAddress = "address"
)

// EchoSource says where echo packets come from: from the addresses of an
// interface, or from one address of each family. The zero EchoSource is from
// nowhere, and then there are none. It is comparable.
type EchoSource struct {
	Interface  string
	IPv4, IPv6 netip.Addr // the zero Addr when there is none
}

// NewEchoSource returns the source that an interface or addresses name: one of
// the two, and of each family one address at most.
func NewEchoSource(ifname string, addrs []netip.Addr) (EchoSource, []Fault) {
	e := EchoSource{Interface: ifname}
	var faults []Fault
	switch {
	case ifname == "" && len(addrs) == 0:
		return e, []Fault{{fieldInterface, "is missing: name an interface that has the addresses, such as lo, or give address"}}
	case ifname != "" && len(addrs) > 0:
		return e, []Fault{{fieldAddress, "does not go with interface: keep one of them"}}
	case ifname != "" && !validInterface(ifname):
		return e, []Fault{interfaceFault(ifname)}
	}
	for _, a := range addrs {
		before := len(faults)
		into := &e.IPv6
		if a.Is4() {
			into = &e.IPv4
		}
		switch faults = checkAddr(faults, fieldAddress, a); {
		case len(faults) > before:
		case a.Zone() != "" || a.IsLinkLocalUnicast():
			// RFC 5881 §4: routers answer it by Redirects.
			faults = append(faults, faultf(fieldAddress, "%s is link-local: give an address that is in no subnet of the interfaces to the peers", a))
		case a.IsLoopback():
			faults = append(faults, faultf(fieldAddress, "%s does not leave this host: give another address of it", a))
		case into.IsValid():
			faults = append(faults, faultf(fieldAddress, "%s is a second %s address: keep one", a, family(a)))
		default:
			*into = a
		}
	}
	return e, faults
}

// Set tells whether there is a source at all.
func (e EchoSource) Set() bool { return e != EchoSource{} }

// missing returns what p needs of a source that e does not have.
func (e EchoSource) missing(p Peer) []Fault {
	field := fieldEcho
	switch {
	case p.Unaffiliated:
		field = fieldUnaffiliated
	case p.EchoTx == 0:
		return nil
	}
	switch {
	case !e.Set():
		return []Fault{{field, "echo packets need a source address of their own: " +
			"add echo-source: {interface: lo}, or {address: 10.10.10.2}, at the top level"}}
	case e.Interface == "" && p.Peer.Is4() && !e.IPv4.IsValid(), e.Interface == "" && p.Peer.Is6() && !e.IPv6.IsValid():
		return []Fault{faultf(field, "the top level's echo-source has no %s address: list one of each family, as in [\"10.10.10.2\", \"2001:db8:10::2\"]", family(p.Peer))}
	}
	return nil
}

func (d *document) echoSource(into *EchoSource) func(value) {
	return func(v value) {
		ifname := ""
		var addrs []netip.Addr
		at := places{}
		before := len(d.problems)
		if !d.mapping(v, d.note(at, fields{
			fieldInterface: d.string(&ifname),
			fieldAddress:   d.addresses(&addrs),
		})) || len(d.problems) > before {
			return
		}
		e, faults := NewEchoSource(ifname, addrs)
		d.faults(v, at, faults)
		*into = e
	}
}

// addresses reads one address or a list of them.
func (d *document) addresses(into *[]netip.Addr) func(value) {
	return func(v value) {
		v, ok := d.resolve(v)
		if !ok {
			return
		}
		one := func(v value) {
			if isMapping(v) {
				d.fault(v, "want an address: an IPv6 address goes in quotes here")
				return
			}
			var a netip.Addr
			d.address(&a)(v)
			*into = append(*into, a)
		}
		if _, many := v.node.(*ast.SequenceNode); many {
			d.list(v, one)
			return
		}
		one(v)
	}
}

package config

import (
	"fmt"
	"maps"
	"net/netip"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// entry is one item of peers as it is written: what it names may stand further
// down the file, so it is resolved when the whole file has been read.
type entry struct {
	item    value
	places  places
	key     Key
	profile string
	own     Settings
}

// places says where the keys of one mapping stand.
type places map[string]place

type place struct {
	value
	faulty bool // it could not be read, and that has been said
}

// note makes f record in at where each key stands.
func (d *document) note(at places, f fields) fields {
	for key, set := range f {
		f[key] = func(v value) {
			before := len(d.problems)
			set(v)
			at[key] = place{v, len(d.problems) > before}
		}
	}
	return f
}

// faults reports each fault where its field stands, or else at the item. What
// could not be read needs no second complaint, such as that it is missing.
func (d *document) faults(item value, at places, faults []Fault) {
	for _, f := range faults {
		switch p, present := at[f.Field]; {
		case !present:
			d.fault(value{item.node, item.path + "." + f.Field}, "%s", f.Text)
		case !p.faulty:
			d.fault(p.value, "%s", f.Text)
		}
	}
}

func (d *document) profiles(into map[string]Settings) func(value) {
	return func(v value) {
		v, ok := d.resolve(v)
		if !ok || isEmpty(v) {
			return
		}
		m, ok := v.node.(*ast.MappingNode)
		if !ok {
			d.fault(v, "want profiles by name, as in fast: {transmit-interval: 10ms}")
			return
		}
		d.pairs(v, m, func(name string, _ *token.Token, item value) {
			if name == "" {
				d.fault(item, "a profile needs a name")
				return
			}
			var s Settings
			at := places{}
			d.mapping(item, d.note(at, d.settings(&s)))
			d.faults(item, at, s.Check())
			into[name] = s
		})
	}
}

func (d *document) peers(into *[]entry) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			e := entry{item: v, places: places{}}
			f := d.settings(&e.own)
			maps.Copy(f, fields{
				fieldPeer:      d.address(&e.key.Peer),
				fieldLocal:     d.address(&e.key.Local),
				fieldInterface: d.string(&e.key.Interface),
				fieldVRF:       d.string(&e.key.VRF),
				fieldProfile:   d.string(&e.profile),
			})
			if d.mapping(v, d.note(e.places, f)) {
				*into = append(*into, e)
			}
		})
	}
}

// settings are the keys that a profile and a peer have in common.
func (d *document) settings(s *Settings) fields {
	return fields{
		fieldTx:         d.interval(&s.DesiredMinTx),
		fieldRx:         d.interval(&s.RequiredMinRx),
		fieldDetectMult: d.optional(&s.DetectMult, "a whole number from 1 to 255"),
		fieldPassive:    d.boolean(&s.Passive),
		fieldShutdown:   d.boolean(&s.Shutdown),
		fieldDSCP:       d.optional(&s.DSCP, "a whole number from 0 to 63"),
		fieldAuth:       d.auth(&s.Auth),
	}
}

// resolvePeers makes sessions of the entries and compares them with each other.
func (d *document) resolvePeers(entries []entry, profiles map[string]Settings) []Peer {
	var peers []Peer
	same := map[netip.Addr][]Peer{} // by the peer's address
	for _, e := range entries {
		p, faults := NewPeer(e.key, e.profile, e.own, profiles)
		if len(faults) > 0 {
			d.faults(e.item, e.places, faults)
			continue
		}
		p.Line = d.line(e.item)
		if d.clashes(e.item, p, same[p.Peer]) {
			continue
		}
		same[p.Peer] = append(same[p.Peer], p)
		peers = append(peers, p)
		if _, known := profiles[p.Profile]; !known && p.Profile != "" {
			d.warn(e.places[fieldProfile].value,
				"there is no profile %q (yet): until there is, this session runs with its own values and the defaults", p.Profile)
		}
		if p.Passive {
			// RFC 5881 §3: both ends of a single hop take the active role.
			d.warn(e.item, "%s is passive: it stays silent until the peer speaks, so the peer must not be passive too", p.Peer)
		}
	}
	return peers
}

// clashes reports p when it is one of others, and warns when the route could
// make it one of them.
func (d *document) clashes(item value, p Peer, others []Peer) bool {
	for _, o := range others {
		if p.Key() == o.Key() {
			d.fault(item, "the session with %s stands on line %d already: keep one of them, "+
				"or tell them apart by local-address or interface", p.Peer, o.Line)
			return true
		}
	}
	for _, o := range others {
		localMay := p.Local == o.Local || !p.Local.IsValid() || !o.Local.IsValid()
		interfaceMay := p.Interface == o.Interface || p.Interface == "" || o.Interface == ""
		if localMay && interfaceMay {
			d.warn(item, "may turn out to be the same session with %s as on line %d: "+
				"name local-address and interface in both", p.Peer, o.Line)
			return false
		}
	}
	return false
}

func (d *document) interval(into **uint32) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		us, err := ParseInterval(s, Milliseconds)
		if err != nil {
			d.fault(v, "%s", err)
			return
		}
		*into = &us
	}
}

func (d *document) address(into *netip.Addr) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		addr, err := ParseAddr(s)
		if err != nil {
			d.fault(v, "%s", err)
			return
		}
		*into = addr
	}
}

// ParseAddr is netip.ParseAddr with errors that say what to write instead.
func ParseAddr(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err == nil {
		return addr, nil
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return addr, fmt.Errorf("%q is a prefix: give the address without the slash", s)
	}
	return addr, fmt.Errorf("%q is not an IP address: names are not looked up, so write 192.0.2.1 or 2001:db8::1", s)
}

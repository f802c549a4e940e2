package config

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

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

				fieldMultihop:     d.flag(&e.key.Multihop),
				fieldUnaffiliated: d.flag(&e.key.Unaffiliated),
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

		fieldMinTTL:     d.optional(&s.MinTTL, "a whole number from 1 to 255"),
		fieldStrict:     d.boolean(&s.Strict),
		fieldEcho:       d.boolean(&s.Echo),
		fieldEchoTx:     d.interval(&s.EchoTx),
		fieldEchoRx:     d.interval(&s.EchoRx, wordDisabled),
		fieldDemand:     d.boolean(&s.Demand),
		fieldDemandPoll: d.interval(&s.DemandPoll),
		fieldHoldDown:   d.boolean(&s.HoldDown),
		fieldHoldOff:    d.interval(&s.HoldOff),
		fieldCeiling:    d.interval(&s.Ceiling),
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
	if before, _, zone := strings.Cut(s, "%"); zone {
		if addr, err := netip.ParseAddr(before); err == nil && addr.Is4() {
			return netip.Addr{}, fmt.Errorf("%q is not an IP address: an IPv4 address names no interface, so write %s, and the interface beside it", s, before)
		}
	}
	return addr, fmt.Errorf("%q is not an IP address: names are not looked up, so write 192.0.2.1 or 2001:db8::1", s)
}

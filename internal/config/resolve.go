package config

import (
	"net/netip"
	"slices"
	"unique"
)

// resolvePeers makes sessions of the entries and compares them with each other.
// All else of cfg has been read; at says where its sections stand.
func (d *document) resolvePeers(entries []entry, cfg *Config, at places) []Peer {
	peers := slices.Grow([]Peer(nil), len(entries))
	same := map[netip.Addr][]Peer{} // by the peer's address
	for _, e := range entries {
		p, faults := NewPeer(e.key, e.profile, e.own, cfg.Profiles)
		if len(faults) == 0 && !at[sectionEcho].faulty {
			faults = cfg.EchoSource.missing(p)
		}
		if len(faults) > 0 {
			d.faults(e.item, e.places, faults)
			continue
		}
		p.Line = d.line(e.item)
		p.Interface, p.VRF, p.Profile = shared(p.Interface), shared(p.VRF), shared(p.Profile)
		if d.clashes(e.item, p, same[p.Peer]) {
			continue
		}
		same[p.Peer] = append(same[p.Peer], p)
		peers = append(peers, p)
		d.doubts(e, p, cfg)
	}
	return peers
}

// shared returns s as all have it: thousands of sessions name the same interface,
// each as a part of the file's text, which would stay for that.
func shared(s string) string { return unique.Make(s).Value() }

// clashes reports p when it cannot run besides one of others, and warns when
// the route could make it one of them.
func (d *document) clashes(item value, p Peer, others []Peer) bool {
	for _, o := range others {
		switch {
		case p.Key() == o.Key() && p.Multihop:
			d.fault(item, "the multihop session between %s and %s stands on line %d already: keep one of them", p.Local, p.Peer, o.Line)
		case p.Key() == o.Key():
			d.fault(item, "the session with %s stands on line %d already: keep one of them, "+
				"or tell them apart by local-address, interface or vrf", p.Peer, o.Line)
		case p.Excludes(o):
			d.fault(item, "%s has a session on line %d already, and unaffiliated-echo allows a peer no other one (RFC 9747 §4): "+
				"keep one of them", p.Peer, o.Line)
		default:
			continue
		}
		return true
	}
	for _, o := range others {
		localMay := p.Local == o.Local || !p.Local.IsValid() || !o.Local.IsValid()
		interfaceMay := p.Interface == o.Interface || p.Interface == "" || o.Interface == ""
		// Without a VRF a session is of its interface's.
		vrfMay := p.VRF == o.VRF || p.VRF == DefaultVRF && p.Interface != "" || o.VRF == DefaultVRF && o.Interface != ""
		if p.Multihop == o.Multihop && localMay && interfaceMay && vrfMay {
			d.warn(item, "may turn out to be the same session with %s as on line %d: "+
				"name local-address and interface in both", p.Peer, o.Line)
			return false
		}
	}
	return false
}

// doubts warns of what is allowed and seldom meant.
func (d *document) doubts(e entry, p Peer, cfg *Config) {
	if _, known := cfg.Profiles[p.Profile]; !known && p.Profile != "" {
		d.warn(e.at(fieldProfile),
			"there is no profile %q (yet): until there is, this session runs with its own values and the defaults", p.Profile)
	}
	if p.Passive && !p.Multihop {
		// RFC 5881 §3: both ends of a single hop take the active role.
		d.warn(e.item, "%s is passive: it stays silent until the peer speaks, so the peer must not be passive too", p.Peer)
	}
	switch {
	case !p.Multihop && !p.Unaffiliated:
	case !p.Auth.On && p.Multihop:
		// RFC 5880 §9, RFC 5883 §6: the TTL is no proof over several hops.
		d.warn(e.at(fieldMultihop), "packets for %s may be forged from hops away: add auth with a SHA1 key, at both ends", p.Peer)
	case !p.Auth.On:
		// RFC 9747 §5.
		d.warn(e.at(fieldUnaffiliated), "without auth, whoever guesses our packets can keep the session with %s up: add auth with a SHA1 key", p.Peer)
	case cfg.password(p.Auth.Key):
		d.warn(e.at(fieldAuth), "a simple password proves nothing to whoever can listen: use a SHA1 key")
	}
	if p.Ceiling != 0 && p.Ceiling < p.DesiredMinTx {
		d.warn(e.at(fieldCeiling), "%s is shorter than the transmit-interval of %s: congestion will slow nothing; set it longer, or 0",
			FormatInterval(uint64(p.Ceiling)), FormatInterval(uint64(p.DesiredMinTx)))
	}
}

// at returns where a key of the entry stands, or the entry when it does not say
// it itself.
func (e entry) at(field string) value {
	if p, present := e.places[field]; present {
		return p.value
	}
	return e.item
}

package config

import "net/netip"

// A session is of one of three kinds: over a single hop (RFC 5881), over several
// (RFC 5883), or one that hears only its own packets, which the peer forwards
// back (RFC 9747). This file knows what each of them cannot be.

// checkMultihop returns what a session over several hops cannot have in its
// identity.
func (k Key) checkMultihop() []Fault {
	var faults []Fault
	for _, a := range []struct {
		field string
		addr  netip.Addr
	}{{fieldPeer, k.Peer}, {fieldLocal, k.Local}} {
		if a.addr.IsLinkLocalUnicast() {
			faults = append(faults, faultf(a.field,
				"%s is link-local, and no router forwards it: give another address, or remove multihop", a.addr))
		}
	}
	switch {
	case faults != nil:
	case !k.Local.IsValid():
		// RFC 5883 §4.1: the pair of addresses is what tells sessions apart.
		faults = []Fault{{fieldLocal, "is missing: a multihop session is told from others by both addresses; " +
			"give the address of this host that the peer sends to"}}
	case k.Interface != "":
		faults = []Fault{{fieldInterface, "the route to a multihop peer may change, and its interface with it: remove the key"}}
	}
	return faults
}

// check returns what is wrong with how the values of p go together, each of them
// being fine by itself.
func (p Peer) check() []Fault {
	echo := p.EchoTx != 0
	var faults []Fault
	for _, rule := range []struct {
		broken      bool
		field, text string
	}{
		// RFC 5880 §6.8.1: zero asks the peer to send no periodic packets, so
		// every session would fail one detection time after it came up.
		{p.RequiredMinRx == 0 && !p.HoldDown, fieldRx,
			"0 tells the peer to send nothing, and a session that hears nothing cannot stay up: " +
				"set 1us or more, shut the session down, or keep it down by hold-down: true"},
		{p.MinTTL != 0 && !p.Multihop, fieldMinTTL,
			"is for multihop: a packet that has come one hop has TTL 255 and no other; remove the key, or set multihop: true"},
		{p.Strict && p.Multihop, fieldStrict,
			"the packets of a multihop session may come by any interface: remove the key, or multihop"},
		{echo && p.Multihop, fieldEcho,
			"an echo crosses one hop only (RFC 5883 §3): remove the key, or multihop"},
		{echo && p.Demand, fieldEcho,
			"does not go with demand-mode: keep the one that is to watch the path"},
		{echo && p.Unaffiliated, fieldEcho,
			"does not go with unaffiliated-echo, which sends echoes of its own: remove one of them"},
		{p.Unaffiliated && p.Multihop, fieldUnaffiliated,
			"crosses one hop only (RFC 9747 §2): remove the key, or multihop"},
		{p.Unaffiliated && p.Demand, fieldDemand,
			"asks the peer for something, but with unaffiliated-echo the peer takes no part: remove one of them"},
		{p.Unaffiliated && p.Passive, fieldPassive,
			"waits for the peer, but with unaffiliated-echo the peer says nothing: remove one of them"},
	} {
		if rule.broken {
			faults = append(faults, Fault{rule.field, rule.text})
		}
	}
	return faults
}

// Excludes tells whether p and q cannot both run: a peer that is watched by
// unaffiliated echo has no other session (RFC 9747 §4).
func (p Peer) Excludes(q Peer) bool {
	if !p.Unaffiliated && !q.Unaffiliated || p.Peer != q.Peer || p.VRF != q.VRF {
		return false
	}
	// One link-local address is as many peers as there are links.
	return !p.Peer.IsLinkLocalUnicast() || p.Interface == "" || q.Interface == "" || p.Interface == q.Interface
}

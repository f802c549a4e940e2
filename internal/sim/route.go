package sim

import (
	"slices"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// route finds the session of a frame and lets its ledger hear it, or hands it
// over to the thread whose worker owns the session.
func (v *Watch) route(t *thread, p *seen) {
	if owner := v.handedTo(t, p); owner != nil {
		p.from = t.index
		owner.inbox = append(owner.inbox, *p)
		return
	}
	l := v.find(t.host, p)
	switch {
	case l == nil || l.thread != t:
	case p.isEcho() && l.params.Kind != session.Unaffiliated:
		l.hearsEcho(p)
	default:
		l.hears(p)
	}
}

// handedTo is the thread that gets a frame from another, nil if that keeps it.
// A discriminator tells whose it is whether or not there is such a session, and
// what is for nobody stands in the queue before what follows it.
func (v *Watch) handedTo(t *thread, p *seen) *thread {
	h := t.host
	discr := v.names(t, p)
	if discr == 0 {
		return nil
	}
	if owner := h.Engine.WorkerOf(discr); owner != t.index && owner < len(h.threads) {
		return h.threads[owner]
	}
	return nil
}

// names is the discriminator of the session that a frame names, by itself or by its
// addresses, 0 if none.
func (v *Watch) names(t *thread, p *seen) uint32 {
	h, c, at := t.host, &p.control, address{p.ifindex, p.dgram.Dst, p.dgram.Src}
	switch {
	case p.drop != packet.DropNone:
		return 0
	case p.isEcho():
		return v.namesEcho(t, p)
	case p.dgram.DstPort == packet.PortMultihop:
		at.ifindex = 0
	case p.dgram.DstPort != packet.PortControl:
		return 0
	}
	if c.YourDiscr != 0 {
		return c.YourDiscr
	}
	if l := v.byAddr[h][at]; l != nil && (c.State == packet.Down || c.State == packet.AdminDown) {
		return l.discr
	}
	return 0
}

// namesEcho is names for Echo: our own that comes back says whose it is, and the
// peer's is known by the peer.
func (v *Watch) namesEcho(t *thread, p *seen) uint32 {
	discr, h := p.echoOf(), t.host
	if own := v.owner(h, p); p.dgram.TTL == 254 || own != nil && own.thread == t {
		return discr
	}
	for _, l := range v.all {
		if at := &l.address; l.host == h && l.bound && v.byAddr[h][*at] == l && l.params.Kind == session.SingleHop && at.ifindex == p.ifindex && at.peer == p.dgram.Dst {
			return l.discr
		}
	}
	if l := v.byAddr[h][address{p.ifindex, p.dgram.Dst, p.dgram.Src}]; l != nil {
		return l.discr
	}
	return 0
}

// takeInbox is what a worker does with the rings of the others: it takes what
// arrived before an instant, the earliest of their first entries each time.
func (v *Watch) takeInbox(t *thread, before session.Time) {
	for {
		oldest, at := -1, before
		seen := make(map[int]bool)
		for i := range t.inbox {
			p := &t.inbox[i]
			first := !seen[p.from]
			seen[p.from] = true
			if first && (p.arrival < at || oldest >= 0 && p.arrival == at && p.from < t.inbox[oldest].from) {
				oldest, at = i, p.arrival
			}
		}
		if oldest < 0 {
			return
		}
		p := t.inbox[oldest]
		t.inbox = slices.Delete(t.inbox, oldest, oldest+1)
		v.route(t, &p)
	}
}

package gobgp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Neighbor is a BGP neighbor as gobgpd lists it.
type Neighbor struct {
	Addr      netip.Addr // without a zone
	Interface string     // of a link-local address; otherwise empty
	Local     netip.Addr // that its configuration names; the zero Addr: none
	VRF       string     // empty: the global one
	Internal  bool       // of our own AS
	Multihop  bool       // by its configuration
	Down      bool       // administratively
	Fixed     bool       // down by its configuration: that is the operator's
}

// Session tells a BFD session from others.
type Session struct {
	Peer, Local netip.Addr
	Interface   string
	Multihop    bool
}

// Deed is something to do to a neighbor.
type Deed struct {
	Addr   netip.Addr
	Enable bool
	Why    string // of disabling, for the neighbor and for logs
}

// again is after how long a neighbor that is not as it was told to be is told once
// more: gobgpd answers before it obeys, and drops an order that meets another.
const again = time.Second

// Ledger says which neighbors to disable and which to enable, as a value. It
// enables only what it disabled, and never disables against an operator's word: a
// neighbor that somebody else has disabled it leaves alone, and one that somebody
// enables while its path is broken stays enabled until the next failure.
type Ledger struct {
	failed map[Session]string // the sessions that have failed, and why
	ours   map[netip.Addr]*hold
}

// patience is how long a neighbor may be missing from gobgpd's list before it is
// believed to be gone: one that has just been started reads its file while it
// answers already.
const patience = 30 * time.Second

// hold is what is known of a neighbor that we disabled, or would disable.
type hold struct {
	told     time.Time // when it got the latest order; zero: from another process, or by another gobgpd
	enable   bool      // that order
	seen     bool      // gobgpd has shown it down since an order to disable it
	released bool      // an operator enabled it: not ours until its path works
	missing  time.Time // since when gobgpd lists it no more; zero: it does
}

// NewLedger returns the ledger of a process that finds these neighbors disabled by
// one before it.
func NewLedger(ours []netip.Addr) *Ledger {
	l := &Ledger{failed: make(map[Session]string), ours: make(map[netip.Addr]*hold)}
	l.Recall(ours)
	return l
}

// Recall notes that these neighbors were disabled by a process before this one.
func (l *Ledger) Recall(ours []netip.Addr) {
	for _, a := range ours {
		if l.ours[a] == nil {
			l.ours[a] = &hold{}
		}
	}
}

// Fail notes that a session has failed, with the reason in words; Heal that it has
// not, any more, or that nothing is known of it.
func (l *Ledger) Fail(s Session, why string) { l.failed[s] = why }

// Heal takes back Fail.
func (l *Ledger) Heal(s Session) { delete(l.failed, s) }

// Reconnected notes that gobgpd may be another process: what it was told before
// has to be seen again.
func (l *Ledger) Reconnected() {
	for _, h := range l.ours {
		h.seen, h.told = false, time.Time{}
	}
}

// Ours returns the neighbors that are disabled by us, sorted.
func (l *Ledger) Ours() []netip.Addr {
	list := []netip.Addr{}
	for a, h := range l.ours {
		if !h.released {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// Unsure tells whether gobgpd has still to be seen doing what it was told.
func (l *Ledger) Unsure(list []Neighbor) bool {
	return slices.ContainsFunc(list, func(n Neighbor) bool {
		h := l.ours[n.Addr]
		return h != nil && !h.released && (!h.seen || l.why(&n) == "")
	})
}

// Due returns what is to be done now, given all neighbors as gobgpd has listed them
// at some time.
func (l *Ledger) Due(list []Neighbor, at, now time.Time) (deeds []Deed) {
	listed := make(map[netip.Addr]bool, len(list))
	for i := range list {
		n := &list[i]
		listed[n.Addr] = true
		if d := l.due(n, at, now); d.Addr.IsValid() {
			deeds = append(deeds, d)
		}
	}
	for a, h := range l.ours {
		switch {
		case listed[a]:
			h.missing = time.Time{}
		case h.missing.IsZero():
			h.missing = now
		case now.Sub(h.missing) >= patience:
			delete(l.ours, a)
		}
	}
	return deeds
}

func (l *Ledger) due(n *Neighbor, at, now time.Time) (none Deed) {
	h, why := l.ours[n.Addr], l.why(n)
	switch {
	case h == nil && (why == "" || n.Down):
		return none
	case h == nil:
		h = &hold{}
		l.ours[n.Addr] = h
	case n.Fixed, h.released && why == "":
		delete(l.ours, n.Addr)
		return none
	case h.released || !h.believe(n, at):
		return none
	case why == "" && !n.Down: // as it is to be
		delete(l.ours, n.Addr)
		return none
	case why != "" && n.Down:
		h.seen = true
		return none
	case why != "" && h.seen: // somebody has enabled it
		h.released = true
		return none
	}
	h.told, h.enable, h.seen = now, why == "", false
	return Deed{Addr: n.Addr, Enable: h.enable, Why: why}
}

// believe tells whether what gobgpd has listed at a time is the outcome of the latest
// order: it is as ordered, or the order has had its time.
func (h *hold) believe(n *Neighbor, at time.Time) bool {
	return h.told.IsZero() || at.Sub(h.told) >= again || !at.Before(h.told) && n.Down != h.enable
}

// Leave returns what is to be done when nobody will watch the sessions any more.
func (l *Ledger) Leave() (deeds []Deed) {
	for _, a := range l.Ours() {
		deeds = append(deeds, Deed{Addr: a, Enable: true})
	}
	return deeds
}

// Left notes that a neighbor was enabled on leaving.
func (l *Ledger) Left(a netip.Addr) { delete(l.ours, a) }

// why returns why a neighbor is to be disabled, empty when it is not: one of the
// sessions with it has failed. Sessions are known by the peer's address; a link-local
// one also by its interface, and a neighbor that has a local address of its own has no
// other's sessions.
func (l *Ledger) why(n *Neighbor) string {
	if n.VRF != "" {
		return "" // there are no sessions in VRFs
	}
	text := ""
	for s, why := range l.failed {
		if s.Peer != n.Addr || n.Interface != "" && s.Interface != n.Interface ||
			n.Local.IsValid() && s.Local.IsValid() && s.Local != n.Local {
			continue
		}
		if text == "" || cmp.Less(why, text) { // the same one each time
			text = why
		}
	}
	return text
}

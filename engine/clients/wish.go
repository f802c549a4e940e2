package clients

import (
	"errors"
	"fmt"
	"math"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// Wish is what one client asks for. Of what several ask for the strictest wins
// (RFC 5882 §2, §4.1), setting by setting:
//
//   - DesiredMinTx, RequiredMinRx, EchoTx, EchoRx and DemandPoll: the shortest;
//     0 (none, or only when told) gives way to any interval.
//   - DetectMult: the largest that exceeds nobody's Detection Time, multiplier
//     by interval as asked for. So 100 ms × 3 and 50 ms × 10 make 50 ms × 6: the
//     300 ms that the first one wants, and no shorter. A peer that asks for
//     fewer packets than that stretches it for all.
//   - EchoTx where only some ask for it: no longer than the others' DesiredMinTx,
//     because it takes the place of their packets.
//   - Ceiling: the lowest, 0 (no stretching) included.
//   - AdminDown, HoldDown, Passive: only when all ask for it. CPI: only when all
//     can say so.
//   - Strict: when one asks for it. DSCP: the highest class.
//   - Auth, MinTTL, Demand: all must ask for the same. So it is with Kind, which
//     its one client cannot change either.
type Wish struct {
	engine.Spec

	// HoldOff is how many nanoseconds an outage may last before the client is
	// told; 0 tells it at once (RFC 5882 §3.1).
	HoldOff int64
	// DependsOnlyOnBFD marks a client with no other way to find out whether the
	// peer lives, such as a static route: AdminDown is Down to it (RFC 5882 §3.2).
	DependsOnlyOnBFD bool
	// AssumeCapable says that the peer is known to speak BFD though it may not
	// have been heard yet (RFC 5882 §4.1, §5).
	AssumeCapable bool
}

// ConflictError says that a wish cannot be met in the session that is there.
type ConflictError struct {
	Key   Key
	Owner string // whose wish was refused
	Other string // whose wish stands against it; Owner's own where it is the kind
	Field string // "kind", "authentication", "minimum TTL" or "demand mode"
}

// Error names both owners and the field.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("register %q for peer %v: %s must be the same as %q asked for: they share one session",
		e.Owner, e.Key.Peer, e.Field, e.Other)
}

// check refuses what no session can be, and fills in what 0 stands for.
func (w Wish) check(key Key, owner string) (Wish, error) {
	p := &w.Params
	switch {
	case owner == "":
		return w, errors.New("a client needs a name")
	case !key.Peer.IsValid():
		return w, errors.New("there is no peer address")
	case p.DesiredMinTx == 0:
		return w, errors.New("the desired min tx interval must not be 0")
	case p.DetectMult == 0:
		return w, errors.New("the detect multiplier must not be 0")
	case w.HoldOff < 0:
		return w, fmt.Errorf("the hold-off of %d ns is negative", w.HoldOff)
	case key.Multihop != (p.Kind == session.Multihop):
		return w, errors.New("a multihop session needs a multihop path, and no other does")
	}
	if p.Kind == session.Multihop && w.MinTTL == 0 {
		w.MinTTL = engine.DefaultMinTTL
	}
	return w, nil
}

// conflict finds a client with which w cannot share a session. An owner may go
// back on what only it asks for, but for the kind, which a session keeps.
func (s *shared) conflict(key Key, owner string, w Wish) error {
	for _, c := range s.clients {
		field, own := "", c.owner == owner
		switch o := c.wish.Value(); {
		case o.Params.Kind != w.Params.Kind:
			field = "kind"
		case own:
		case o.Auth != w.Auth:
			field = "authentication"
		case o.MinTTL != w.MinTTL:
			field = "minimum TTL"
		case o.Params.Demand != w.Params.Demand:
			field = "demand mode"
		}
		if field != "" {
			return &ConflictError{Key: key, Owner: owner, Other: c.owner, Field: field}
		}
	}
	return nil
}

// merge returns the session that serves all of the clients, the zero Spec for none.
// It does not depend on their order.
func merge(clients []*client) engine.Spec {
	if len(clients) == 0 {
		return engine.Spec{}
	}
	spec := clients[0].wish.Value().Spec
	if len(clients) == 1 {
		return spec
	}
	p := &spec.Params
	for _, c := range clients[1:] {
		w := c.wish.Value()
		q := &w.Params
		p.DesiredMinTx = min(p.DesiredMinTx, q.DesiredMinTx)
		p.RequiredMinRx = shorter(p.RequiredMinRx, q.RequiredMinRx)
		p.EchoTx = shorter(p.EchoTx, q.EchoTx)
		p.EchoRx = shorter(p.EchoRx, q.EchoRx)
		p.DemandPoll = shorter(p.DemandPoll, q.DemandPoll)
		p.Ceiling = min(p.Ceiling, q.Ceiling)
		p.Passive = p.Passive && q.Passive
		p.AdminDown = p.AdminDown && q.AdminDown
		p.HoldDown = p.HoldDown && q.HoldDown
		p.CPI = p.CPI && q.CPI
		spec.DSCP = max(spec.DSCP, w.DSCP)
		spec.Strict = spec.Strict || w.Strict
	}
	if p.EchoTx != 0 {
		for _, c := range clients {
			w := c.wish.Value()
			p.EchoTx = min(p.EchoTx, w.echo())
		}
	}
	p.DetectMult = multiplier(clients, p)
	return spec
}

// shorter returns the shorter of two intervals, of which 0 is none.
func shorter(a, b uint32) uint32 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// echo returns how often the client wants the path tried where Echo does it.
func (w *Wish) echo() uint32 {
	if w.Params.EchoTx != 0 {
		return w.Params.EchoTx
	}
	return w.Params.DesiredMinTx
}

// multiplier returns the largest with which neither Control nor Echo packets at
// the merged intervals make anybody's Detection Time longer. It is 1 or more,
// because nobody's interval is shorter than the merged one.
func multiplier(clients []*client, p *session.Params) uint8 {
	most := uint64(math.MaxUint8)
	for _, c := range clients {
		w := c.wish.Value()
		mult := uint64(w.Params.DetectMult)
		most = min(most, mult*uint64(w.Params.DesiredMinTx)/uint64(p.DesiredMinTx))
		if p.EchoTx != 0 {
			most = min(most, mult*uint64(w.echo())/uint64(p.EchoTx))
		}
	}
	return uint8(most)
}

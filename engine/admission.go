package engine

import (
	"fmt"

	"github.com/xbfd/xbfd/engine/session"
)

// LoadError says that no worker can serve what a session asks for: packets that
// would be late are worse than a session that is refused (RFC 5880 §7, §6.4).
type LoadError struct {
	Need     uint64 // packets per second of the session, both directions
	Load     uint64 // of the sessions that the least loaded worker has
	Capacity uint64 // of a worker
}

func (e *LoadError) Error() string {
	return fmt.Sprintf("the session needs %d packets/s, its worker serves %d already and %d at most: ask for longer intervals, or give the engine more workers",
		e.Need, e.Load, e.Capacity)
}

// loadOf is how many packets per second a session makes, sent and received,
// before jitter, at the rates that it advertises.
func loadOf(p session.Params) uint64 {
	perSecond := func(us uint32) uint64 {
		if us == 0 {
			return 0
		}
		return (1_000_000 + uint64(us) - 1) / uint64(us)
	}
	return perSecond(p.DesiredMinTx) + perSecond(p.RequiredMinRx) + 2*perSecond(p.EchoTx) + 2*perSecond(p.EchoRx)
}

// slowed returns p with no interval below the engine's limit: an adjustment
// always goes to the slower value (RFC 7419 §3).
func (e *Engine) slowed(p session.Params) session.Params {
	for _, us := range []*uint32{&p.DesiredMinTx, &p.RequiredMinRx, &p.EchoTx, &p.EchoRx} {
		if *us != 0 {
			*us = max(*us, e.minInterval)
		}
	}
	return p
}

// check refuses parameters that no session can have.
func check(p session.Params) error {
	switch {
	case p.DesiredMinTx == 0 || p.DetectMult == 0:
		return fmt.Errorf("engine: desired min tx interval and detect multiplier must not be 0")
	case p.Kind > session.Unaffiliated:
		return fmt.Errorf("engine: no such kind of session: %d", p.Kind)
	case p.Kind != session.SingleHop && p.EchoTx != 0:
		return fmt.Errorf("engine: echo is for single-hop sessions only (RFC 5883 §3)")
	case p.Demand && p.EchoTx != 0:
		return fmt.Errorf("engine: demand mode and echo exclude each other")
	case p.Demand && p.Kind == session.Unaffiliated:
		return fmt.Errorf("engine: unaffiliated echo has no demand mode (RFC 9747 §2)")
	}
	return nil
}

// admit gives a worker the load of a session in place of what it had before.
func (e *Engine) admit(worker int, before, need uint64) error {
	load := e.loads[worker] - before
	if e.capacity != 0 && need > before && load+need > e.capacity {
		return &LoadError{Need: need, Load: load, Capacity: e.capacity}
	}
	e.loads[worker] = load + need
	return nil
}

// leastLoaded returns the worker with the least to do, by packets and then by
// number of sessions.
func (e *Engine) leastLoaded() int {
	best := 0
	for i := range e.loads {
		if e.loads[i] < e.loads[best] ||
			e.loads[i] == e.loads[best] && e.made[i]-len(e.free[i]) < e.made[best]-len(e.free[best]) {
			best = i
		}
	}
	return best
}

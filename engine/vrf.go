package engine

import "github.com/xbfd/xbfd/engine/session"

// SetVRF says in which VRF an interface is, by the index of the VRF's device; 0 is
// the default VRF. The device of a VRF is in its own. What arrives in one VRF never
// reaches a session of another, whatever it says.
func (e *Engine) SetVRF(ifindex, vrf int32) {
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) { w.setVRF(ifindex, vrf) })
	}
}

func (w *Worker) setVRF(ifindex, vrf int32) {
	if w.vrfOf(ifindex) == vrf {
		return
	}
	if w.vrfs[ifindex] = vrf; vrf == 0 {
		delete(w.vrfs, ifindex)
	}
	// The packets of a multihop session may arrive by the interface and not be its
	// own any more: which do is known of those that come through the ring.
	for i := range w.slots {
		if sl := &w.slots[i]; sl.used && sl.session.Params().Kind == session.Multihop {
			w.unexpect(sl)
		}
	}
}

// vrfOf returns the VRF of an interface.
func (w *Worker) vrfOf(ifindex int32) int32 {
	if len(w.vrfs) == 0 {
		return 0
	}
	return w.vrfs[ifindex]
}

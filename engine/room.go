package engine

// What a session takes of the engine besides its keys: a slot of its worker, a
// discriminator, a lane. e.mu is held, as in all of this file.

// minFree is how many freed slots rest before one is used again.
const minFree = 64

// takeSlot takes the slot that has been free for longest, once enough rest, so
// that packets of its former session have died out; before that, a new one.
func (e *Engine) takeSlot(worker int) (slot uint32, ok bool) {
	free := e.free[worker]
	switch {
	case len(free) <= minFree && e.made[worker] < MaxSlots:
		e.made[worker]++
		return uint32(e.made[worker] - 1), true
	case len(free) == 0:
		return 0, false
	}
	e.free[worker] = free[1:]
	return free[0], true
}

// newDiscr makes the discriminator of a slot's next session; 0 is not one.
func (e *Engine) newDiscr(worker int, slot uint32) uint32 {
	id := slot | uint32(worker)<<slotBits
	for {
		g := e.gens[id]
		e.gens[id] = (g + 1) % (1 << genBits)
		if d := e.key.make(uint32(worker), slot, g); d != 0 {
			return d
		}
	}
}

// takeLane gives a session a lane, counted from 1; 0 when there is none left.
func (e *Engine) takeLane() (lane uint32) {
	if n := len(e.laneFree); n > 0 {
		lane, e.laneFree = e.laneFree[n-1], e.laneFree[:n-1]
		return lane
	}
	if e.lanes == nil || e.laneMade == len(e.lanes.Images) {
		return 0
	}
	e.laneMade++
	return uint32(e.laneMade)
}

// forget gives back all that a session had.
func (e *Engine) forget(discr uint32) {
	r := e.sessions[discr]
	if r == nil {
		return
	}
	e.unbind(r)
	delete(e.sessions, discr)
	if r.path != nil && e.leaving[r.path.key] == r {
		delete(e.leaving, r.path.key)
	}
	e.loads[r.worker] -= r.load
	if r.lane != 0 {
		e.laneFree = append(e.laneFree, r.lane)
	}
	e.free[r.worker] = append(e.free[r.worker], r.slot)
	e.ports.give(r.srcPort)
	e.giveKeys(r)
}

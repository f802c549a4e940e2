package engine

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// The functions of this file are commands: posted by the Engine, run by the
// worker between packets.

// startSpacing paces the first packets of sessions that are added together, so
// that thousands neither burst now nor march in step later.
const startSpacing = session.Time(50 * session.Microsecond)

// grow makes room for n slots.
func (w *Worker) grow(n int) {
	if n <= len(w.slots) {
		return
	}
	w.slots = append(w.slots, make([]slot, n-len(w.slots))...)
	w.templates = append(w.templates, make([]packet.Template, n-len(w.templates))...)
	w.discards = append(w.discards, make([]discarded, n-len(w.discards))...)
	w.out.index = append(w.out.index, make([]uint32, n-len(w.out.index))...)
	if !w.alone {
		w.newest = append(w.newest, make([]session.Time, n-len(w.newest))...)
	}
	w.recorder.Grow(n)
	w.wheel.Grow(n)
}

func (w *Worker) install(i uint32, r *record, spec Spec, auth session.Auth, now session.Time) {
	s := session.New(spec.Params, r.discr, now, &w.rng)
	s.StartAuth(auth)
	w.slots[i] = slot{
		session: s, port: -1, srcPort: r.srcPort, lane: r.lane, dscp: spec.DSCP, used: true, dirty: true,
		minTTL: floor(spec.MinTTL), strict: spec.Strict,
		change: Change{At: now, From: s.State(), To: s.State(), Diag: s.Diag(), Remote: packet.Down},
	}
	w.discards[i] = discarded{}
	if w.newest != nil {
		w.newest[i] = -session.Never
	}
	w.recorder.Forget(i)
	if r.lane != 0 {
		w.engine.lanes.Reset(int(r.lane - 1))
	}
	w.wantEcho(i)
	w.rearm(i)
}

// setPath gives a session its path, or a new one. Whether Echo comes back by a
// new one is not known yet; that the neighbour has another address is no reason
// to doubt it.
func (w *Worker) setPath(i uint32, path Path, now session.Time) {
	sl := &w.slots[i]
	same := sl.path.Ifindex == path.Ifindex && sl.path.Local == path.Local && sl.path.EchoSource == path.EchoSource
	sl.path = path
	w.stale(sl)
	if sl.echo != 0 && !same {
		w.echoes[sl.echo-1].Run(now, 0, 0, &w.rng)
	}
	w.usePort(i, w.portFor(&path), now)
	w.follow(i, now)
}

// stale has the frames of a session built anew.
func (w *Worker) stale(sl *slot) {
	sl.dirty = true
	if sl.echo != 0 {
		w.echoes[sl.echo-1].dirty = true
	}
}

// follow makes what a session says and sends agree with a path that has changed.
func (w *Worker) follow(i uint32, now session.Time) {
	sl := &w.slots[i]
	w.apply(i, sl.session.OfferEcho(now, w.offer(sl), &w.rng), now, evidence{})
}

// usePort says where a session's packets leave, -1 if nowhere. A session that
// has never sent starts now, paced with the others that do so. One that has
// keeps its schedule: paths that come and go must not make it faster than the
// interval it has agreed on (RFC 5880 §6.8.7).
func (w *Worker) usePort(i uint32, port int16, now session.Time) {
	sl := &w.slots[i]
	had := sl.port >= 0
	if sl.port != port && sl.path.Via != 0 {
		w.stale(sl) // a frame may have a tag by the one and none by the other
	}
	sl.port = port
	if had || port < 0 || sl.count.Tx != 0 {
		return
	}
	w.nextStart = max(now, w.nextStart+startSpacing)
	sl.session.StartAt(w.nextStart)
	w.rearm(i)
}

func (w *Worker) clearPath(i uint32, now session.Time) {
	w.slots[i].port = -1
	w.slots[i].path = Path{}
	w.follow(i, now)
}

func (w *Worker) configure(i uint32, p session.Params, now session.Time) {
	if w.slots[i].removal {
		return
	}
	s := &w.slots[i].session
	before := w.evidenceOf(i)
	out := s.Configure(now, p, &w.rng)
	w.wantEcho(i)
	out |= s.OfferEcho(now, w.offer(&w.slots[i]), &w.rng)
	w.apply(i, out, now, before)
}

// remove takes a session down administratively and frees its slot when the peer
// has had hold, and a Detection Time if it may be Up, to hear of it (RFC 5880
// §6.8.16, RFC 5882 §8). A negative hold frees at once.
func (w *Worker) remove(i uint32, hold int64, now session.Time) {
	sl := &w.slots[i]
	if hold < 0 {
		w.free(i)
		return
	}
	s := &sl.session
	before := w.evidenceOf(i)
	wait := hold
	if s.State() == packet.Up || s.State() == packet.Init {
		// A peer that may be Up waits for us as long as we have told it to.
		wait = max(hold, s.PeerDetectionTime())
	}
	if s.Remote().Discr == 0 || s.Params().Kind == session.Unaffiliated {
		// Nobody there is waiting for us.
		wait = 0
	}
	sl.removal = true
	sl.freeAt = now + session.Time(min(wait, maxRemoval))
	out := s.Admin(now, true, packet.DiagAdminDown, &w.rng)
	if out&session.Changed != 0 && s.State() == packet.AdminDown && s.Remote().Discr != 0 {
		// A peer that listens hears of it now, however often the session has
		// changed lately: there may be no other packet before the slot is freed.
		out |= session.Send
	}
	w.apply(i, out, now, before)
}

// maxRemoval bounds the wait for peers with detection times of days.
const maxRemoval = 60 * session.Second

func (w *Worker) free(i uint32) {
	delete(w.cleared, i)
	sl := &w.slots[i]
	w.wheel.Disarm(i)
	e := w.out.entry(i, sl.session.LocalDiscr(), sl.change.To)
	e.Change = sl.change
	e.Gone = true
	w.unexpect(sl)
	w.endTaps(i)
	sl.used = false
	sl.port = -1
	if sl.echo != 0 {
		w.echoFree = append(w.echoFree, sl.echo)
		sl.echo = 0
	}
}

func (w *Worker) attach(ifindex int32, p Port, now session.Time) {
	w.portGen++
	at := -1
	for i := range w.ports {
		if w.ports[i] == nil {
			at = i
			break
		}
	}
	if at < 0 {
		at = len(w.ports)
		w.ports = append(w.ports, nil)
		w.portIf = append(w.portIf, 0)
		w.queued = append(w.queued, 0)
		w.grids = append(w.grids, grid{})
		w.proven = append(w.proven, false)
		w.quiet = append(w.quiet, false)
		w.loss.ports = append(w.loss.ports, 0)
	}
	w.loss.ports[at] = p.Lost()
	w.ports[at], w.portIf[at], w.queued[at], w.grids[at], w.proven[at], w.quiet[at] = p, ifindex, 0, grid{since: now}, false, false
	if ifindex == anyInterface {
		return // it only receives, and sessions without a path have this index
	}
	for i := range w.slots {
		sl := &w.slots[i]
		if !sl.used || sl.path.Ifindex != ifindex && sl.path.Via != ifindex {
			continue
		}
		port := w.portFor(&sl.path)
		if port >= 0 && w.portIf[port] == ifindex {
			port = int16(at) // also where there are two
		}
		w.usePort(uint32(i), port, now)
		if sl.path.Via != 0 {
			w.follow(uint32(i), now)
		}
	}
}

func (w *Worker) detach(ifindex int32, now session.Time) {
	w.portGen++
	at := w.portOf(ifindex)
	if at < 0 {
		return
	}
	w.ports[at], w.portIf[at], w.queued[at], w.proven[at] = nil, 0, 0, false
	for i := range w.slots {
		if sl := &w.slots[i]; sl.used && sl.port == at {
			w.usePort(uint32(i), w.portFor(&sl.path), now)
			w.follow(uint32(i), now)
		}
	}
}

// portFor returns the port by which the packets of a path leave, -1 if there is
// none.
func (w *Worker) portFor(p *Path) int16 {
	if p.Via != 0 && p.MACKnown {
		if at := w.portOf(p.Via); at >= 0 && w.ports[at].Ring() {
			return at
		}
	}
	return w.portOf(p.Ifindex)
}

func (w *Worker) portOf(ifindex int32) int16 {
	for i := range w.ports {
		if w.ports[i] != nil && w.portIf[i] == ifindex {
			return int16(i)
		}
	}
	return -1
}

// roomFor rounds a number of slots up, so that tables grow in few steps: an eighth
// of their size each, which is the most that they take in vain.
func roomFor(n int) int {
	room := 64
	for room < n {
		room += max(64, room/8)
	}
	return min(room, MaxSlots)
}

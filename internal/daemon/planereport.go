package daemon

import (
	"context"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/packet"
)

// reports is which sessions bfdd is to be told about. One goroutine tells, so that
// what it says last is how a session stands; a failure in between is told first.
type reports struct {
	wake chan struct{}
	list []*planned // guarded by the daemon's mu, as the sessions are
	take []*planned // the reporter's own
}

// about has bfdd told how a session stands. d.mu is held.
func (r *reports) about(s *planned) {
	if s.dirty {
		return
	}
	s.dirty = true
	r.list = append(r.list, s)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run tells until ctx ends.
func (r *reports) run(ctx context.Context, d *Daemon) {
	var discrs [listChunk]uint32
	var statuses [listChunk]engine.Status
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		d.mu.Lock()
		r.list, r.take = r.take[:0], r.list
		d.mu.Unlock()
		for at := 0; at < len(r.take); at += listChunk {
			chunk := r.take[at:min(at+listChunk, len(r.take))]
			d.mu.Lock()
			for i, s := range chunk {
				discrs[i], s.dirty = s.discr, false
			}
			d.mu.Unlock()
			if err := d.speaker.Engine().StatusesOf(ctx, discrs[:len(chunk)], statuses[:len(chunk)]); err != nil {
				return
			}
			d.tellPlanes(chunk, statuses[:len(chunk)])
		}
		clear(r.take)
	}
}

// tellPlanes tells bfdd what it does not know yet of some sessions.
func (d *Daemon) tellPlanes(chunk []*planned, statuses []engine.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, s := range chunk {
		p := s.of
		if p.conn == nil || p.sessions[s.asked.LID] != s || s.discr != statuses[i].Discr {
			continue // it changed hands meanwhile, and is in the list again
		}
		now := stateOf(s, &statuses[i])
		if s.failed && s.told && s.said.State == uint8(packet.Up) && now.State == uint8(packet.Up) {
			down := s.said
			down.State = uint8(packet.Down)
			s.said, s.told = down, p.conn.Send(&bfddp.Message{Type: bfddp.StateChange, State: down})
		}
		s.failed = false
		if !s.told || now != s.said {
			s.said, s.told = now, p.conn.Send(&bfddp.Message{Type: bfddp.StateChange, State: now})
		}
	}
}

// stateOf puts a session's state into bfdd's words; one that was refused is down.
func stateOf(s *planned, st *engine.Status) bfddp.State {
	if st.Discr == 0 {
		return bfddp.State{LID: s.asked.LID, State: uint8(packet.Down)}
	}
	r := &st.Remote
	now := bfddp.State{
		LID: s.asked.LID, RID: r.Discr, State: uint8(st.State), Diag: uint8(r.Diag),
		DesiredTx: r.DesiredMinTx, RequiredRx: r.RequiredMinRx, RequiredEchoRx: r.MinEchoRx, DetectMult: r.DetectMult,
	}
	if r.CPI {
		now.Flags |= bfddp.RemoteCBit
	}
	if r.Demand {
		now.Flags |= bfddp.RemoteDemand
	}
	return now
}

// tellPlanesOf has those bfdd told that have a session. d.mu is held.
func (d *Daemon) tellPlanesOf(h *held, ev *engine.Event) {
	for _, s := range d.planned[h.discr] {
		s.failed = s.failed || ev.Failed
		d.reports.about(s)
	}
}

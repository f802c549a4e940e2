package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/dplane"
	"github.com/xbfd/xbfd/packet"
)

// fault notes what was wrong with a connection. d.mu is held, as in all of this
// file but for Received and counters.
func (p *plane) fault(kind string, err error) {
	p.errors[kind]++
	p.lastError = err.Error()
}

// lost notes why a connection has ended; that bfdd has closed it is no fault.
func (p *plane) lost(err error) {
	var version bfddp.VersionError
	switch {
	case errors.As(err, &version):
		p.fault("version", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		p.fault("half-message", errors.New("the connection ended within a message"))
	case errors.Is(err, io.EOF):
		p.lastError = "bfdd has closed the connection"
	default:
		p.fault("connection", err)
	}
}

// Received implements dplane.Handler.
func (k *link) Received(c *dplane.Conn, m *bfddp.Message) {
	if m.Type == bfddp.RequestCounters {
		k.d.answerCounters(k, c, m)
		return
	}
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	p := k.of(c)
	switch m.Type {
	case bfddp.AddSession:
		k.d.plan(p, &m.Session)
	case bfddp.DeleteSession:
		if s := p.sessions[m.Session.LID]; s != nil {
			p.forget(s)
			p.deleted = append(p.deleted, s)
		} else {
			p.fault("unknown-session", fmt.Errorf("bfdd deletes session %d, which it has not added", m.Session.LID))
		}
	case bfddp.EchoRequest:
		c.Send(&bfddp.Message{Type: bfddp.EchoReply, ID: m.ID, Times: bfddp.Times{
			DataPlane: uint64(time.Now().UnixMicro()), BFDD: m.Times.BFDD,
		}})
	case bfddp.EchoReply: // to nothing we have sent
	default:
		p.fault("unexpected", fmt.Errorf("bfdd sent a message of type %d, which is for a data plane to send", m.Type))
	}
}

// plan makes a session be as bfdd wants it, and has bfdd told how it stands.
func (d *Daemon) plan(p *plane, asked *bfddp.Session) {
	if d.leaving {
		return
	}
	path := pathOf(asked)
	s := p.sessions[asked.LID]
	if s != nil && pathOf(&s.asked) != path {
		p.forget(s)
		p.deleted = append(p.deleted, s)
		s = nil
	}
	if s == nil {
		s = p.paths[path] // of a bfdd that was started again
		if s != nil && s.claimed {
			s = nil
		}
		if s != nil {
			delete(p.sessions, s.asked.LID)
		}
		if time.Since(p.since) < time.Second {
			p.burst++
		}
	} else if !s.claimed {
		p.same = true
		p.burst++
	}
	if s == nil {
		s = &planned{of: p}
	}
	s.asked, s.claimed = *asked, true
	p.sessions[asked.LID], p.paths[path] = s, s
	d.admit(p, s)
	d.reports.about(s)
}

// admit registers what bfdd asks of a session, and notes why if that cannot be.
func (d *Daemon) admit(p *plane, s *planned) {
	w, err := d.wantOf(p, s)
	if err == nil {
		var h *held
		if h, err = d.register(w); err == nil {
			s.key, s.refused = w.peer.Key(), ""
			if s.discr != h.discr {
				s.discr = h.discr
				d.planned[h.discr] = append(d.planned[h.discr], s)
			}
			return
		}
	}
	if s.refused != err.Error() {
		s.refused = err.Error()
		p.fault("refused", fmt.Errorf("session with %v: %w", s.asked.Dst, err))
		d.log.Warn("session of bfdd refused", "client", p.owner, "peer", s.asked.Dst.String(), "reason", s.refused)
	}
}

// wantOf puts what bfdd asks for into the daemon's words.
func (d *Daemon) wantOf(p *plane, s *planned) (want, error) {
	a := &s.asked
	key := config.Key{Peer: a.Dst, Interface: a.Ifname, VRF: config.DefaultVRF, Multihop: a.Flags&bfddp.Multihop != 0}
	if !a.Src.IsUnspecified() {
		key.Local = a.Src
	}
	has := func(f bfddp.Flags) *bool { b := a.Flags&f != 0; return &b }
	own := config.Settings{
		DesiredMinTx: &a.MinTx, RequiredMinRx: &a.MinRx, DetectMult: &a.DetectMult,
		Passive: has(bfddp.Passive), Shutdown: has(bfddp.Shutdown), Demand: has(bfddp.Demand),
	}
	if key.Multihop {
		key.Interface = "" // it may come and go by any
		own.MinTTL = &a.TTL
	} else {
		own.EchoRx = &a.MinEchoRx
		if *has(bfddp.Echo) {
			own.Echo, own.EchoTx = has(bfddp.Echo), &a.MinEchoTx
		}
	}
	if s.discr != 0 {
		key = s.key
	} else {
		key = d.sharing(key)
	}
	peer, faults := config.NewPeer(key, "", own, nil)
	if len(faults) > 0 {
		return want{}, faults[0]
	}
	// The C bit promises that the session outlives its control plane (RFC 5880
	// §4.1): without a hold it does not.
	return want{owner: p.owner, peer: &peer, cpi: *has(bfddp.CBit) && p.at.Hold > 0}, nil
}

// sharing returns the key of a session that is the one asked for though it was not
// named with the same words, as one that leaves its local address to the route; or
// key itself.
func (d *Daemon) sharing(key config.Key) config.Key {
	if d.byKey.Get(key) != nil {
		return key
	}
	for h := range d.byKey.All() {
		k := h.peer.Key()
		if k.Peer != key.Peer || k.Multihop != key.Multihop || k.VRF != key.VRF || k.Unaffiliated {
			continue
		}
		local, ifname := d.speaker.Where(h.discr)
		if !local.IsValid() {
			local, ifname = k.Local, k.Interface
		}
		if (!key.Local.IsValid() || key.Local == local) && (key.Multihop || key.Interface == "" || key.Interface == ifname) {
			return k
		}
	}
	return key
}

// forget takes a session out of those that bfdd wants.
func (p *plane) forget(s *planned) {
	delete(p.sessions, s.asked.LID)
	if path := pathOf(&s.asked); p.paths[path] == s {
		delete(p.paths, path)
	}
}

// unplan lets go of a session.
func (d *Daemon) unplan(p *plane, s *planned) {
	p.forget(s)
	discr := s.discr
	s.discr = 0
	if d.planned[discr] = slices.DeleteFunc(d.planned[discr], func(o *planned) bool { return o == s }); len(d.planned[discr]) == 0 {
		delete(d.planned, discr)
	}
	h := d.byKey.Get(s.key)
	if h == nil || h.discr != discr {
		return
	}
	if slices.ContainsFunc(d.planned[discr], func(o *planned) bool { return o.of == p }) {
		return // bfdd has two sessions for one path, and keeps the other
	}
	if err := d.release(h, p.owner); err != nil {
		d.log.Error("let go of a session of bfdd", "client", p.owner, "peer", s.asked.Dst.String(), "err", err)
	}
}

// handedOver is how many sessions fit into the buffer of a bfdd that loses the rest
// when a data plane connects: 8192 bytes (FRR before d7959cefb7).
const handedOver = 8192 / bfddp.MaxSize

// short tells whether bfdd may have more sessions than it has handed over.
func (p *plane) short() bool { return p.burst == handedOver }

// letGo ends what nobody has claimed for the hold: all of a bfdd that has gone, and
// what one that has come back does not want any more. Where it may only have been
// lost on the way it stays.
func (d *Daemon) letGo(p *plane, now time.Time) {
	if p.release.IsZero() || now.Before(p.release) {
		return
	}
	p.release = time.Time{}
	if p.conn != nil && p.short() && p.same {
		return
	}
	gone := 0
	for _, s := range p.sessions {
		if p.conn == nil || !s.claimed {
			d.unplan(p, s)
			gone++
		}
	}
	if gone > 0 {
		d.log.Warn("sessions of bfdd let go after the hold", "client", p.owner, "sessions", gone)
	}
}

// tendPlanes does what is due each second.
func (d *Daemon) tendPlanes(now time.Time) {
	for _, k := range d.links {
		for _, p := range k.planes {
			d.letGo(p, now)
			for _, s := range p.deleted {
				d.unplan(p, s)
			}
			p.deleted = nil
			for _, s := range p.sessions {
				if s.refused != "" {
					d.admit(p, s)
				}
				// After a second bfdd has named all it has a name for: what it lost
				// on the way is told by the name that it had before.
				if p.conn != nil && (s.claimed || p.same && now.Sub(p.since) > time.Second) {
					d.reports.about(s)
				}
			}
		}
	}
}

// answerCounters answers whatever bfdd asks, because it stands still meanwhile.
func (d *Daemon) answerCounters(k *link, c *dplane.Conn, m *bfddp.Message) {
	answer := bfddp.Message{Type: bfddp.SessionCounters, ID: m.ID, Counters: bfddp.Counters{LID: m.LID}}
	var discr uint32
	d.mu.Lock()
	if s := k.of(c).sessions[m.LID]; s != nil {
		discr = s.discr
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if st, err := d.speaker.Engine().Status(ctx, discr); err == nil {
		n := countersOf(&st)
		answer.Counters.Control = traffic(n.Rx+n.RxHeard, n.Tx+n.Insurance, packet.ControlLen)
		answer.Counters.Echo = traffic(n.EchoRx, n.EchoTx, packet.EchoLen)
	}
	c.Send(&answer)
}

// traffic counts the bytes of BFD itself: packets of one size.
func traffic(in, out uint64, size uint64) bfddp.Traffic {
	return bfddp.Traffic{InPackets: in, InBytes: in * size, OutPackets: out, OutBytes: out * size}
}

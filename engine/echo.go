package engine

import (
	"encoding/binary"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// echo is the Echo of one session that sends some: its schedule and its frame.
// Sessions without have no such entry.
type echo struct {
	session.Echo
	template packet.Template
	dirty    bool // the template is older than the path
}

// wantEcho gives a session whose parameters ask for Echo its entry, which it
// keeps: how long ago the last packet left matters if it ever sends again.
func (w *Worker) wantEcho(i uint32) {
	sl := &w.slots[i]
	if sl.echo != 0 || sl.session.Params().EchoTx == 0 {
		return
	}
	if n := len(w.echoFree); n > 0 {
		sl.echo, w.echoFree = w.echoFree[n-1], w.echoFree[:n-1]
	} else {
		w.echoes = append(w.echoes, echo{})
		sl.echo = uint32(len(w.echoes))
	}
	w.echoes[sl.echo-1] = echo{dirty: true}
}

// echoState says how far a session is from sending Echo, and what is missing.
func (w *Worker) echoState(sl *slot) EchoState {
	s := &sl.session
	switch {
	case s.Params().EchoTx == 0:
		return EchoOff
	case s.State() != packet.Up:
		return EchoNotUp
	case s.EchoInterval() == 0:
		return EchoUnwanted
	case sl.path.EchoSource == packet.Addr{}:
		return EchoNoSource
	case !w.byRing(sl) || w.quiets(sl):
		return EchoNoPath
	case !w.echoes[sl.echo-1].Proven():
		return EchoProbing
	}
	return EchoActive
}

// byRing reports whether a session's frames leave as whole frames. What is
// addressed to ourselves must: the kernel would not let it out of the host.
func (w *Worker) byRing(sl *slot) bool {
	return sl.port >= 0 && sl.path.MACKnown && w.ports[sl.port].Ring()
}

// followEcho makes a session's Echo agree with its state, its path and what the
// peer allows (RFC 5880 §6.8.9).
func (w *Worker) followEcho(i uint32, now session.Time) session.Outcome {
	sl := &w.slots[i]
	s := &sl.session
	e := &w.echoes[sl.echo-1]
	us := uint32(0)
	if w.echoState(sl) >= EchoProbing {
		us = s.EchoInterval()
	}
	e.Run(now, us, s.Params().DetectMult, &w.rng)
	return s.SetEchoing(now, us != 0 && e.Proven(), &w.rng)
}

// expireEcho does what a session's Echo has due at now. retry says that a failure
// cannot be judged yet.
func (w *Worker) expireEcho(i uint32, now session.Time) (retry bool) {
	sl := &w.slots[i]
	e := &w.echoes[sl.echo-1]
	due := e.DetectDeadline()
	back, detection := e.LastReturn(), e.DetectionTime()
	seen := due <= w.horizon
	from := w.judgeFrom(back, detection, due)
	judge := seen && now >= from && w.othersPast(due, from, now)
	send, failed := e.Expire(now, judge, &w.rng)
	if send {
		w.sendEcho(i, now)
	}
	if failed {
		w.apply(i, sl.session.EchoFailed(now, &w.rng), now, evidence{lastRx: back, detection: detection})
	}
	return seen && !judge && now >= due
}

// sendEcho sends one Echo packet, through the peer and back to ourselves.
func (w *Worker) sendEcho(i uint32, now session.Time) {
	sl := &w.slots[i]
	e := &w.echoes[sl.echo-1]
	if e.dirty {
		path := w.around(sl)
		path.Src, path.Dst, path.DstPort = sl.path.EchoSource, sl.path.Local, packet.PortEcho
		e.template.RenderEcho(&path)
		e.dirty = false
	}
	buf := w.alloc(sl, true)
	if buf == nil {
		e.Unsent()
		return
	}
	payload := packet.Echo{Discr: sl.session.LocalDiscr(), Seq: e.Seq(), Sent: int64(now)}
	w.commit(sl, e.template.PutEcho(buf, &payload, &w.engine.echoKey), e.template.L3())
}

// echoDatagram takes a datagram to the Echo port: one of ours that has come
// back, with a TTL that tells of one hop, or one of a peer's that wants to.
func (w *Worker) echoDatagram(rx *Rx, ifindex int32, now session.Time) {
	var discr uint32
	if len(rx.Payload) >= 8 {
		discr = binary.BigEndian.Uint32(rx.Payload[4:])
	}
	owner, _ := w.engine.key.find(discr)
	i, ours := uint32(0), false
	if owner == w.index {
		i, ours = w.lookup(discr)
		// The peer's numbers may be like ours; what is addressed to it is not.
		ours = ours && (rx.TTL == returnTTL || rx.Dst == w.slots[i].path.Local)
	}
	switch {
	case rx.TTL != returnTTL && !ours:
		w.loopEcho(rx, ifindex)
	case owner != w.index:
		w.handOver(owner, rx, ifindex)
	case !ours:
		w.drops[packet.DropUnknownYourDiscr]++
	case w.vrfOf(ifindex) != w.slots[i].path.VRF:
		w.discard(i, packet.DropWrongInterface)
	case rx.TTL != returnTTL:
		w.discard(i, packet.DropTTL)
	case w.slots[i].session.Params().Kind == session.Unaffiliated:
		w.returnedControl(i, rx, ifindex, now)
	default:
		w.returnedEcho(i, rx, now)
	}
}

// returnTTL is what is left of a TTL of 255 when the peer has forwarded a packet
// back: 255 would be a reflection that no peer's forwarding took part in (RFC
// 9747 §2).
const returnTTL = 254

func (w *Worker) returnedEcho(i uint32, rx *Rx, now session.Time) {
	sl := &w.slots[i]
	var p packet.Echo
	if sl.echo == 0 || !p.Decode(rx.Payload, &w.engine.echoKey) {
		w.discard(i, packet.DropEchoAuth)
		return
	}
	e := &w.echoes[sl.echo-1]
	d, first := e.Return(rx.Arrival, p.Seq, session.Time(p.Sent))
	if d != packet.DropNone {
		w.discard(i, d)
		return
	}
	if first {
		w.apply(i, sl.session.SetEchoing(now, true, &w.rng), now, evidence{})
	} else {
		w.rearm(i)
	}
}

// returnedControl takes a packet of unaffiliated Echo: a Control packet of our
// own (RFC 9747 §2).
func (w *Worker) returnedControl(i uint32, rx *Rx, ifindex int32, now session.Time) {
	var c packet.Control
	if d := c.Decode(rx.Payload); d != packet.DropNone {
		w.reject(i, rx, d)
		return
	}
	sl := &w.slots[i]
	switch {
	case c.YourDiscr != 0 && c.YourDiscr != c.MyDiscr:
		w.reject(i, rx, packet.DropUnknownYourDiscr)
	case c.YourDiscr == 0 && (c.State == packet.Init || c.State == packet.Up):
		w.reject(i, rx, packet.DropZeroYourDiscrState)
	case c.YourDiscr == 0 && rx.SrcPort != sl.srcPort:
		w.reject(i, rx, packet.DropNoSession)
	default:
		w.accept(i, &c, rx, ifindex, now)
	}
}

// loopEcho sends a peer's Echo packet back, if that was offered: it is addressed
// to the peer itself (RFC 5881 §4) or, as FRR does for IPv6, from the peer to us.
func (w *Worker) loopEcho(rx *Rx, ifindex int32) {
	turn := false
	discr := w.paths.peer.Get(addrKey{ifindex: ifindex, peer: rx.Dst}).discrOf()
	if discr == 0 {
		turn = true
		discr = w.paths.whole.Get(addrKey{ifindex, rx.Dst, rx.Src}).discrOf()
	}
	if discr == 0 {
		w.drops[packet.DropNoSession]++
		return
	}
	if owner, _ := w.engine.key.find(discr); owner != w.index {
		w.handOver(owner, rx, ifindex)
		return
	}
	i, ok := w.lookup(discr)
	if !ok {
		w.drops[packet.DropNoSession]++
		return
	}
	sl := &w.slots[i]
	if rx.TTL != 255 {
		w.discard(i, packet.DropTTL)
		return
	}
	offered := sl.session.Offered() != 0 || w.quiets(sl) && sl.session.Params().EchoRx != 0
	if !offered || rx.Frame == nil || !w.byRing(sl) || rx.DstMAC != sl.path.LocalMAC {
		w.discard(i, packet.DropEchoRefused)
		return
	}
	buf := w.alloc(sl, true)
	if buf == nil {
		return
	}
	n := packet.LoopEcho(buf[:MaxFrame], rx.Frame, turn)
	if n == 0 {
		w.discard(i, packet.DropFrame)
		return
	}
	sl.count.Looped++
	w.commit(sl, n, l3Of(rx.Frame))
}

// l3Of is the offset of the IP header in a received frame, which may be tagged.
func l3Of(frame []byte) int {
	const header, tagged, tag = 14, 0x8100, 4
	if binary.BigEndian.Uint16(frame[header-2:]) == tagged {
		return header + tag
	}
	return header
}

// prove notes what a packet received by a session shows of its interface, and
// offers the peer to loop its Echo where that is proven: frames come in whole,
// and the peer answers those that left whole.
func (w *Worker) prove(sl *slot, rx *Rx, ifindex int32, now session.Time) session.Outcome {
	s := &sl.session
	if rx.Frame != nil && s.State() == packet.Up && w.byRing(sl) && ifindex == sl.path.Ifindex {
		w.proven[sl.port] = true
	}
	return s.OfferEcho(now, w.offer(sl), &w.rng)
}

func (w *Worker) offer(sl *slot) uint32 {
	p := sl.session.Params()
	if p.EchoRx == 0 || p.Kind != session.SingleHop || sl.port < 0 || !w.proven[sl.port] || w.quiets(sl) || !w.byRing(sl) {
		return 0
	}
	return p.EchoRx
}

func (w *Worker) echoStatus(i uint32) (st EchoStatus) {
	sl := &w.slots[i]
	p := sl.session.Params()
	if sl.echo != 0 {
		e := &w.echoes[sl.echo-1]
		st = EchoStatus{State: w.echoState(sl), Interval: e.Interval(), Sent: e.Sent, Returned: e.Returned, RTT: e.RTT}
		if st.State == EchoActive {
			st.DetectionTime = e.DetectionTime()
		}
	}
	st.Offered, st.Looped = sl.session.Offered(), sl.count.Looped
	switch {
	case p.EchoRx == 0 || p.Kind != session.SingleHop:
		st.Loop = LoopOff
	case st.Offered == 0:
		st.Loop = LoopUnproven
	default:
		st.Loop = LoopReady
	}
	return st
}

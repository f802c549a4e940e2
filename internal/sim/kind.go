package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// portOf is the UDP port of a kind of session (RFC 5881 §4, RFC 5883 §5, RFC
// 9747 §2).
func portOf(k session.Kind) uint16 {
	return [...]uint16{packet.PortControl, packet.PortMultihop, packet.PortEcho}[k]
}

// address is what finds the session of a packet without a discriminator. Where
// hops lie between the ends there is no interface in it.
type address struct {
	ifindex     int32
	local, peer packet.Addr
}

func addressOf(k session.Kind, p *engine.Path) address {
	a := address{p.Ifindex, p.Local, p.Peer}
	if k == session.Multihop {
		a.ifindex = 0
	}
	return a
}

// find returns the ledger of the session that a frame belongs to by the rules
// of RFC 5880 §6.8.6, nil if the frame must be discarded. Kinds and ports never
// mix.
func (v *Watch) find(h *Host, p *seen) *ledger {
	if p.drop != packet.DropNone {
		return nil
	}
	c := &p.control
	kind, at := session.SingleHop, address{p.ifindex, p.dgram.Dst, p.dgram.Src}
	switch p.dgram.DstPort {
	case packet.PortControl:
	case packet.PortMultihop:
		kind, at.ifindex = session.Multihop, 0
	case packet.PortEcho:
		return v.owner(h, p)
	default:
		return nil
	}
	var l *ledger
	switch {
	case c.YourDiscr != 0:
		l = v.byDiscr[h][c.YourDiscr]
	case c.State == packet.Down || c.State == packet.AdminDown:
		l = v.byAddr[h][at]
	}
	if l == nil || l.dead || l.params.Kind != kind {
		return nil
	}
	return l
}

// owner returns the session of a host whose own Echo this is.
func (v *Watch) owner(h *Host, p *seen) *ledger {
	l := v.byDiscr[h][p.echoOf()]
	if l == nil || l.dead || l.params.Kind == session.Multihop || p.dgram.Dst != l.path.Local {
		return nil
	}
	return l
}

// fitsKind makes the checks of a packet that go with the kind of the session.
func (l *ledger) fitsKind(p *seen) bool {
	c := &p.control
	switch l.params.Kind {
	case session.SingleHop:
		return p.dgram.TTL == 255 // RFC 5881 §5
	case session.Multihop:
		return p.dgram.TTL >= 254 // the floor that nobody has changed
	}
	switch { // RFC 9747 §2
	case p.dgram.TTL != 254 || p.form != packet.DropNone || c.MyDiscr != l.discr:
		return false
	case c.YourDiscr != 0:
		return c.YourDiscr == c.MyDiscr
	}
	return c.State != packet.Init && c.State != packet.Up && p.dgram.SrcPort == l.after.SourcePort
}

// checkForm is what every packet must look like (RFC 5880 §4.1, RFC 5881 §4-5,
// RFC 5883 §5, RFC 9747 §2).
func (l *ledger) checkForm(p *seen) {
	d, c, kind := &p.dgram, &p.control, l.params.Kind
	src, dst := l.path.Local, l.path.Peer
	if kind == session.Unaffiliated {
		src, dst = l.path.EchoSource, l.path.Local
	}
	switch {
	case p.drop != packet.DropNone || p.form != packet.DropNone:
		l.fail("(f) sends a packet that everybody must drop: %v, %v", p.drop, p.form)
	case d.TTL != 255 || d.DstPort != portOf(kind) || d.SrcPort < 49152:
		l.fail("(f) sends with TTL %d, ports %d > %d", d.TTL, d.SrcPort, d.DstPort)
	case d.Src != src || d.Dst != dst || d.DstMAC != l.macs[0] && d.DstMAC != l.macs[1] || p.ifindex != l.path.Ifindex:
		l.fail("(f) sends from %v to %v at %x on %d", d.Src.Netip(), d.Dst.Netip(), d.DstMAC, p.ifindex)
	case c.State != packet.Up && c.DesiredMinTx < session.SlowInterval:
		l.fail("(c) advertises %d µs while %v (RFC 5880 §6.8.3)", c.DesiredMinTx, c.State)
	case kind != session.SingleHop && c.RequiredMinEchoRx != 0:
		l.fail("(i) offers to loop Echo (RFC 5883 §3, RFC 9747 §2)")
	case kind == session.Unaffiliated && (c.State == packet.AdminDown || c.Poll || c.Final || c.Demand):
		l.fail("(f) unaffiliated Echo says %v, P %v, F %v, D %v (RFC 9747 §2)", c.State, c.Poll, c.Final, c.Demand)
	}
	l.checkSeal(p)
	l.checkDemandBit(c)
	l.checkFloor(c)
}

// detection is the Detection Time in force, or the least and the greatest that
// may be: the peer's multiplier times the greater of our Required Min RX and the
// peer's Desired Min TX (RFC 5880 §6.8.4); of unaffiliated Echo our own
// multiplier times our interval (RFC 9747 §2).
func (l *ledger) detection() (lo, hi session.Time) {
	if l.params.Kind == session.Unaffiliated {
		mult := session.Time(l.params.DetectMult) * Microsecond
		return mult * session.Time(min(l.tx.lo, l.txWas.lo)), mult * session.Time(max(l.tx.hi, l.txWas.hi))
	}
	mult := session.Time(l.peer.DetectMult) * Microsecond
	return mult * session.Time(max(l.rx.lo, l.peer.DesiredMinTx)), mult * session.Time(max(l.rx.hi, l.peer.DesiredMinTx))
}

// silenceDiag is the diagnostic of a session whose peer is not heard.
func (l *ledger) silenceDiag() packet.Diag {
	if l.params.Kind == session.Unaffiliated {
		return packet.DiagEchoFailed
	}
	return packet.DiagControlExpiry
}

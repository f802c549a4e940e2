package sim

import (
	"encoding/binary"
	"slices"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// looped returns the frame that sends another one back as a router does: MACs
// changed over, TTL or Hop Limit one less, and nothing else (RFC 5881 §4).
func looped(frame []byte) []byte {
	b := slices.Clone(frame)
	copy(b[0:6], frame[6:12])
	copy(b[6:12], frame[0:6])
	const ip, ipv4 = 14, 0x0800
	if binary.BigEndian.Uint16(b[12:]) != ipv4 {
		b[ip+7]--
		return b
	}
	b[ip+8]--
	b[ip+10], b[ip+11] = 0, 0
	binary.BigEndian.PutUint16(b[ip+10:], ^onesSum(0, b[ip:ip+20]))
	return b
}

// onesSum adds 16-bit words as RFC 1071 has it.
func onesSum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// mayLoop notes an Echo frame that a host took and may send back once.
func (v *Watch) mayLoop(h *Host, p *seen) {
	if p.isEcho() && p.dgram.TTL == 255 {
		h.toLoop[string(looped(p.raw))]++
	}
}

// loops is rule (k) for an Echo frame of somebody else's that a host sent: it is
// one that it took, sent back once, and looping was offered.
func (v *Watch) loops(h *Host, p *seen) {
	h.echoFrames++
	h.looped++
	v.Looped++
	if h.toLoop[string(p.raw)] == 0 {
		v.fail(h.name, "(k) sends an Echo frame that is not one it took, sent back: %x", p.raw)
		return
	}
	h.toLoop[string(p.raw)]--
	for _, l := range v.all {
		if l.host == h && !l.dead && l.params.Kind == session.SingleHop && l.path.Ifindex == p.ifindex && l.path.Peer == p.dgram.Dst && l.offers() {
			return
		}
	}
	v.fail(h.name, "(k) loops Echo of %v, to which it offers none (RFC 5880 §6.8.1)", p.dgram.Dst.Netip())
}

// offers: Required Min Echo RX is not 0, as said last or as it would be said.
func (l *ledger) offers() bool {
	return l.params.EchoRx != 0 && (l.last.RequiredMinEchoRx != 0 || l.status.Echo.Offered != 0 || l.after.Echo.Offered != 0)
}

// Reflector is a host that speaks no BFD and only forwards: what reaches it for
// another address goes back to where it came from (RFC 9747 §2).
type Reflector struct {
	world *World
	out   *Wire
}

// NewReflector puts a reflector on one side of a link.
func (w *World) NewReflector(out, in *Wire) *Reflector {
	r := &Reflector{world: w, out: out}
	in.far = r
	return r
}

func (r *Reflector) arrive(f *frame) {
	if f.dgram.Drop == packet.DropNone && f.dgram.TTL > 1 {
		r.out.send(r.world.copyFrame(looped(f.bytes())))
	}
	r.world.giveBack(f)
}

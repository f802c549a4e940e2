package sim

import (
	"encoding/binary"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// tape keeps some of the frames that a wire has carried, old ones and new.
type tape struct {
	frames [][]byte
	newest []byte
	heard  int
}

const tapeLen = 64

// record keeps a frame in place of another: each of all that were ever carried
// is as likely to be on the tape.
func (t *tape) record(w *World, f *frame) {
	t.heard++
	t.newest = append(t.newest[:0], f.bytes()...)
	if len(t.frames) < tapeLen {
		t.frames = append(t.frames, append([]byte(nil), f.bytes()...))
	} else if i := w.dice.IntN(t.heard); i < tapeLen {
		t.frames[i] = append(t.frames[i][:0], f.bytes()...)
	}
}

// attacker is somebody on a link who sees every frame and can send any, but
// knows no secret.
type attacker struct {
	world *World
	wire  *Wire
}

// strike sends a frame that was on the wire before, as it was or changed.
func (a *attacker) strike() {
	w := a.world
	frames := a.wire.tape.frames
	if len(frames) == 0 {
		return
	}
	old := a.wire.tape.newest
	if w.chance(0.5) {
		old = frames[w.dice.IntN(len(frames))]
	}
	f := w.copyFrame(old)
	var d packet.Datagram
	packet.ParseEthernet(f.bytes(), &d)
	if d.Drop == packet.DropNone && w.chance(0.5) {
		a.forge(f, &d)
		w.noteFrame(a.wire.name, "forged", f)
	} else {
		w.noteFrame(a.wire.name, "replayed", f)
	}
	a.wire.Injected++
	a.wire.send(f)
}

// forge changes a frame so that it is well formed and not authentic. What is not
// authenticated anybody can forge, so there it only goes where it must not.
func (a *attacker) forge(f *frame, d *packet.Datagram) {
	w, b := a.world, f.bytes()
	bfd := b[len(b)-len(d.Payload):]
	proven := d.DstPort == packet.PortEcho || len(bfd) > packet.ControlLen && bfd[1]&4 != 0
	switch n := w.dice.IntN(4); {
	case n == 0: // by the other port
		if d.DstPort != packet.PortEcho {
			udpPort(b, len(b)-len(bfd), packet.PortControl+packet.PortMultihop-d.DstPort)
		}
	case n == 1 && d.Dst.Is4(): // from farther away
		setTTL(b, byte(w.dice.IntN(254)))
	case n == 2 && !proven: // to BFD as before, but not to whoever compares frames
		b = lengthen(f, d, 1+w.dice.IntN(4))
		bfd = b[len(b)-len(d.Payload):]
	case !proven:
	case n == 2: // guessing the secret
		for i := max(len(bfd)-8, 0); i < len(bfd); i++ {
			bfd[i] = byte(w.dice.IntN(256))
		}
	case len(bfd) == packet.EchoLen && w.chance(0.7): // the Echo that follows
		bfd[11] += byte(1 + w.dice.IntN(2))
	default: // saying something else
		i := w.dice.IntN(len(bfd))
		bfd[i] ^= byte(1 + w.dice.IntN(255))
	}
	sumUDP(b, len(b)-len(bfd), d)
}

// udpPort changes the destination port of a frame whose UDP payload is at i.
func udpPort(b []byte, i int, port uint16) { binary.BigEndian.PutUint16(b[i-6:], port) }

// setTTL changes the TTL of an IPv4 frame.
func setTTL(b []byte, ttl byte) {
	const ip = 14
	b[ip+8] = ttl
	sumIP(b)
}

// sumIP makes the header checksum of an IPv4 frame right.
func sumIP(b []byte) {
	const ip = 14
	b[ip+10], b[ip+11] = 0, 0
	binary.BigEndian.PutUint16(b[ip+10:], ^onesSum(0, b[ip:ip+20]))
}

// lengthen puts n bytes behind the UDP payload of a frame, and returns it.
func lengthen(f *frame, d *packet.Datagram, n int) []byte {
	const ip = 14
	f.n += n
	b := f.bytes()
	clear(b[f.n-n:])
	udp := f.n - n - len(d.Payload) - 8
	binary.BigEndian.PutUint16(b[udp+4:], uint16(f.n-udp))
	if d.Dst.Is4() {
		binary.BigEndian.PutUint16(b[ip+2:], uint16(f.n-ip))
		sumIP(b)
	} else {
		binary.BigEndian.PutUint16(b[ip+4:], uint16(f.n-ip-40))
	}
	d.Payload = b[udp+8:]
	return b
}

// sumUDP makes the checksum of a frame right whose UDP payload is at i.
func sumUDP(b []byte, i int, d *packet.Datagram) {
	udp := b[i-8:]
	udp[6], udp[7] = 0, 0
	addrs := 32 // bytes of both, in front of UDP
	if d.Dst.Is4() {
		addrs = 8
	}
	const protocol = 17
	sum := uint32(onesSum(protocol+uint32(len(udp)), b[i-8-addrs:i-8]))
	binary.BigEndian.PutUint16(udp[6:], ^onesSum(sum, udp))
	if udp[6] == 0 && udp[7] == 0 {
		udp[6], udp[7] = 0xff, 0xff
	}
}

// isEcho tells whether a frame is one of the Echo port.
func isEcho(b []byte) bool {
	var d packet.Datagram
	packet.ParseEthernet(b, &d)
	return d.DstPort == packet.PortEcho
}

// attack lets the attacker of a link loose for a while.
func (s *scenario) attack(d session.Time) {
	w := s.world
	l, _ := s.link()
	wire := l.There
	if w.chance(0.5) {
		wire = l.Back
	}
	if wire.tape == nil {
		return
	}
	a := &attacker{w, wire}
	w.note(wire.name, "attack for %.3f s", seconds(d))
	for range 1 + w.dice.IntN(50) {
		w.After(w.upTo(d), a.strike)
	}
}

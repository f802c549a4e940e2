package scenario

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/sim"
	"github.com/xbfd/xbfd/packet"
)

// looping is what a tester does with D's Echo packets: it sends them back as a
// forwarder does, to the sender's MAC with a TTL that is one less. What may
// differ:
//
//	ttl=255      the TTL they come back with
//	delay=20ms   how much later
//	first=yes    the first one it ever heard, in the place of every one
//	flip=12      this byte of the payload is inverted
//	one-in=2     loops only every second one
//	copies=2     each one twice
//	tx= rx= echo-rx= mult= state=   of a Control packet in the payload are rewritten
type looping struct {
	on     bool
	ttl    uint8
	delay  session.Time
	first  bool
	flip   int
	oneIn  uint64
	copies uint64
	seen   uint64
	kept   *datagram
	fields []arg
}

func (l *looping) change(st *statement) error {
	*l = looping{on: true, flip: -1, oneIn: 1, copies: 1, kept: l.kept}
	if len(st.words) == 1 && st.words[0] == "off" {
		l.on, st.words = false, nil
	}
	for _, a := range st.args {
		var err error
		var n uint64
		switch a.name {
		case "ttl":
			n, err = integer(a.value, 8)
			l.ttl = uint8(n)
		case "delay":
			l.delay, err = parseDuration(a.value)
		case "first":
			l.first, err = onOff(a.value)
		case "flip":
			n, err = integer(a.value, 8)
			l.flip = int(n)
		case "one-in":
			l.oneIn, err = integer(a.value, 16)
		case "copies":
			l.copies, err = integer(a.value, 16)
		default:
			err = new(voice).changeOne(nil, a.name, a.value)
			l.fields = append(l.fields, a)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	st.args = nil
	return st.leftOver()
}

// hearEcho is an Echo packet of D's, or one of T's own that D sends back.
func (t *tester) hearEcho(h *heard) {
	for i, p := range t.echoed {
		if bytes.Equal(p, h.dgram.Payload) {
			h.looped = i + 1
		}
	}
	// An unaffiliated session's packets are in Control format.
	h.isControl = h.looped == 0 && len(h.dgram.Payload) >= packet.ControlLen &&
		t.bed.unaffiliated(h.dgram.SrcPort) && h.Decode(h.dgram.Payload) == packet.DropNone
	t.bed.heard = append(t.bed.heard, *h)
	if l := &t.loops; h.looped == 0 && l.on {
		if l.seen++; l.seen%l.oneIn == 0 {
			t.loop(h)
		}
	}
}

func (t *tester) loop(h *heard) {
	l := &t.loops
	d := datagram{
		src: h.dgram.Src.Netip(), dst: h.dgram.Dst.Netip(), from: t.mac(0), to: h.dgram.SrcMAC,
		srcPort: h.dgram.SrcPort, dstPort: h.dgram.DstPort, ttl: h.dgram.TTL - 1,
		payload: append([]byte(nil), h.dgram.Payload...),
	}
	if l.ttl != 0 {
		d.ttl = l.ttl
	}
	if l.kept == nil {
		kept := d
		l.kept = &kept
	}
	if l.first {
		d = *l.kept
	}
	l.rewrite(d.payload)
	if l.flip >= 0 && l.flip < len(d.payload) {
		d.payload = append([]byte(nil), d.payload...)
		d.payload[l.flip] ^= 0xff
	}
	for range l.copies {
		t.bed.world.After(l.delay, func() { t.link.tap.Send(d.bytes()) })
	}
}

// rewrite changes fields of a Control packet.
func (l *looping) rewrite(payload []byte) {
	if len(l.fields) == 0 || len(payload) < packet.ControlLen {
		return
	}
	var v voice
	if v.Decode(payload) != packet.DropNone {
		return
	}
	for _, a := range l.fields {
		_ = v.changeOne(nil, a.name, a.value) // change has tried them
	}
	v.Put(payload)
}

// echoes sends Echo packets of T's own, each with a payload of its own: size=40
// bytes of it, ttl=255, every=50ms, addressed to T itself (RFC 5881 §4), with to=D
// to D, or to any other address.
func (t *tester) echoes(st *statement) error {
	size, ttl, to := uint64(40), uint64(255), t.voice.src
	var err error
	if v, ok := st.take("size"); ok {
		size, err = integer(v, 8)
	}
	if v, ok := st.take("ttl"); ok && err == nil {
		ttl, err = integer(v, 8)
	}
	if v, ok := st.take("to"); ok && v == "D" {
		to = t.voice.dst
	} else if ok && err == nil {
		to, err = netip.ParseAddr(v)
	}
	if err != nil || size < 8 {
		return fmt.Errorf("an Echo packet has at least 8 bytes: %w", err)
	}
	d := datagram{
		src: t.voice.src, dst: to, from: t.mac(0), to: macD,
		srcPort: 49_999, dstPort: packet.PortEcho, ttl: uint8(ttl),
	}
	err = t.repeated(st, 50*sim.Millisecond, func() {
		one := d
		one.payload = bytes.Repeat([]byte{0xec}, int(size))
		binary.BigEndian.PutUint64(one.payload, uint64(len(t.echoed)+1))
		t.echoed = append(t.echoed, one.payload)
		t.sentAt = append(t.sentAt, t.bed.now())
		t.link.tap.Send(one.bytes())
	})
	if err != nil {
		return err
	}
	return st.leftOver()
}

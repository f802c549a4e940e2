package engine

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// editEcho is one of our Echo frames, looped, with another TTL and payload.
func editEcho(t testing.TB, path Path, ttl uint8, payload []byte, srcPort uint16) []byte {
	t.Helper()
	b := make([]byte, MaxFrame)
	var tmpl packet.Template
	tmpl.RenderEcho(&packet.Path{
		SrcMAC: path.PeerMAC, DstMAC: path.LocalMAC, Src: path.EchoSource, Dst: path.Local,
		SrcPort: srcPort, DstPort: packet.PortEcho, TTL: ttl,
	})
	tmpl.PutEcho(b, &packet.Echo{}, &packet.EchoKey{})
	l3 := tmpl.L3()
	// The checksum of UDP is none: the payload may be anything.
	b = append(b[:tmpl.BFD():tmpl.BFD()], payload...)
	udp := b[tmpl.BFD()-8:]
	udp[4], udp[5], udp[6], udp[7] = 0, byte(8+len(payload)), 0, 0
	was := uint32(b[l3+2])<<8 | uint32(b[l3+3])
	now := uint32(20 + 8 + len(payload))
	b[l3+2], b[l3+3] = byte(now>>8), byte(now)
	sum := ^(uint32(b[l3+10])<<8 | uint32(b[l3+11])) & 0xffff
	sum += ^was&0xffff + now
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	b[l3+10], b[l3+11] = byte(^sum>>8), byte(^sum)
	return b
}

// What comes back wrong is counted under its reason and proves nothing.
func TestEchoReturns(t *testing.T) {
	seal := func(b *loopBed, e packet.Echo, key packet.EchoKey) []byte {
		p := make([]byte, packet.EchoLen)
		e.Put(p, &key)
		return p
	}
	latest := func(b *loopBed) packet.Echo {
		return packet.Echo{Discr: b.discr, Seq: b.e.workers[0].echoes[0].Seq(), Sent: int64(b.at[len(b.at)-1])}
	}
	for _, c := range []struct {
		name    string
		ttl     uint8
		payload func(b *loopBed) []byte
		want    packet.Drop
		session bool
	}{
		{"good", 254, func(b *loopBed) []byte { return seal(b, latest(b), b.e.echoKey) }, packet.DropNone, true},
		{"reflected", 255, func(b *loopBed) []byte { return seal(b, latest(b), b.e.echoKey) }, packet.DropTTL, true},
		{"two hops", 253, func(b *loopBed) []byte { return seal(b, latest(b), b.e.echoKey) }, packet.DropTTL, true},
		{"another key", 254, func(b *loopBed) []byte { return seal(b, latest(b), packet.EchoKey{A: 1}) }, packet.DropEchoAuth, true},
		{"seal spoilt", 254, func(b *loopBed) []byte { p := seal(b, latest(b), b.e.echoKey); p[31] ^= 1; return p }, packet.DropEchoAuth, true},
		{"cut short", 254, func(b *loopBed) []byte { return seal(b, latest(b), b.e.echoKey)[:31] }, packet.DropEchoAuth, true},
		{"a Control packet", 254, func(b *loopBed) []byte {
			c, p := control(1, packet.Up, b.discr), make([]byte, packet.ControlLen)
			c.MyDiscr = b.discr
			c.Put(p)
			return p
		}, packet.DropEchoAuth, true},
		{"older", 254, func(b *loopBed) []byte { e := latest(b); e.Seq -= 3; return seal(b, e, b.e.echoKey) }, packet.DropEchoReplayed, true},
		{"late", 254, func(b *loopBed) []byte { e := latest(b); e.Sent -= int64(61 * ms); return seal(b, e, b.e.echoKey) }, packet.DropEchoStale, true},
		{"nobody's", 254, func(b *loopBed) []byte { e := latest(b); e.Discr ^= 1; return seal(b, e, b.e.echoKey) }, packet.DropUnknownYourDiscr, false},
		{"nothing in it", 254, func(*loopBed) []byte { return nil }, packet.DropUnknownYourDiscr, false},
		{"nothing in it, and one hop less", 253, func(*loopBed) []byte { return []byte{1} }, packet.DropNoSession, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
			b.loop = func([]byte) bool { return false }
			b.let(21 * ms)
			before, drops := b.status(b.discr), b.drops()
			b.deliver(editEcho(t, b.path, c.ttl, c.payload(b), before.SourcePort))
			after := b.status(b.discr)
			if got := after.Echo.Returned - before.Echo.Returned; (got == 1) != (c.want == packet.DropNone) {
				t.Errorf("%d returned", got)
			}
			for d, n := range b.drops() {
				want := drops[d]
				if packet.Drop(d) == c.want && d != 0 {
					want++
				}
				if n != want {
					t.Errorf("%d under %v, want %d", n, packet.Drop(d), want)
				}
			}
			if got := after.Discards[c.want] - before.Discards[c.want]; c.want != packet.DropNone && (got == 1) != c.session {
				t.Errorf("%d counted by the session", got)
			}
			if c.want == packet.DropNone {
				return
			}
			b.let(41 * ms)
			if f := b.status(b.discr).Counters.Failures; f != 1 {
				t.Errorf("%d failures: the path is dead", f)
			}
		})
	}
	rows.Covers(t, "5880-5-01", "5880-5-02", "5880-6.8.8-01")
}

// Whatever is lost, late, repeated or made up: once no fresh Echo packet comes
// back, the session is Down a Detection Time after the last one that did.
func TestOnlyFreshEchoKeepsUp(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 9))
		b := newLoopBed(t, 1+int(seed%2), echoParams(), echoPathTo(1))
		b.take()
		var all [][]byte
		b.loop = func(frame []byte) bool {
			all = append(all, loopedBack(t, frame))
			if rng.IntN(5) == 0 {
				b.rtt = session.Time(rng.Int64N(int64(30 * ms)))
			}
			return rng.IntN(10) != 0
		}
		b.let(500 * ms)
		if st := b.status(b.discr); st.Echo.State != EchoActive && st.Counters.Failures == 0 {
			t.Fatalf("seed %d: Echo is %v", seed, st.Echo.State)
		}
		b.take()
		failures := b.status(b.discr).Counters.Failures
		if b.status(b.discr).Echo.State != EchoActive {
			continue // a loss too many: it has just proven the point
		}
		b.loop = func(frame []byte) bool { all = append(all, loopedBack(t, frame)); return false }
		b.way = slices.DeleteFunc(b.way, func(rx Rx) bool { return rx.DstPort == packet.PortEcho })
		cut := b.now
		for b.now < cut+61*ms && b.status(b.discr).Counters.Failures == failures {
			frame := bytes.Clone(all[rng.IntN(len(all))])
			switch {
			case rng.IntN(2) == 0: // as it was, but not one that is still fresh
				if b.now-b.sentAt(frame) < 60*ms {
					frame = all[rng.IntN(len(all)/2)]
				}
			default:
				frame[14+20+8+rng.IntN(32)] ^= 1 << rng.IntN(8)
				frame[14+20+6], frame[14+20+7] = 0, 0
			}
			if b.now-b.sentAt(frame) >= 60*ms || !b.genuine(frame) {
				b.hear(rng.IntN(len(b.ports)), b.received(frame))
			}
			b.let(session.Time(rng.Int64N(int64(2 * ms))))
		}
		for _, ev := range b.take() {
			if ev.Failed && (ev.Failure.Diag != packet.DiagEchoFailed || ev.Failure.At-ev.Failure.LastRx > 60*ms+ms) {
				t.Errorf("seed %d: %+v", seed, ev.Failure)
			}
		}
		if got := b.status(b.discr).Counters.Failures; got != failures+1 {
			t.Errorf("seed %d: %d failures: kept up by what is not fresh; discards %v", seed, got-failures, b.status(b.discr).Discards)
		}
	}
	rows.Covers(t, "5880-5-02", "5880-6.8.5-01", "5880-6.8.8-01")
}

// genuine reports whether a looped frame is as we had sent it.
func (b *loopBed) genuine(frame []byte) bool {
	var d packet.Datagram
	var e packet.Echo
	packet.ParseEthernet(frame, &d)
	return e.Decode(d.Payload, &b.e.echoKey)
}

func (b *loopBed) sentAt(frame []byte) session.Time {
	var d packet.Datagram
	var e packet.Echo
	if packet.ParseEthernet(frame, &d); !e.Decode(d.Payload, &b.e.echoKey) {
		return -session.Never / 2
	}
	return session.Time(e.Sent)
}

// Two sessions on one interface: each one's packets are its own.
func TestEchoOfTwoSessions(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	other := b.add(echoParams(), 2)
	path := echoPathTo(2)
	if err := b.e.SetPath(other, path); err != nil {
		t.Fatal(err)
	}
	b.up(other, 2)
	c := control(2, packet.Up, other)
	c.RequiredMinEchoRx = 20_000
	c.DesiredMinTx, c.DetectMult = 1_000_000, 255
	b.hear(0, b.rx(2, c))
	b.loop = func(frame []byte) bool {
		var d packet.Datagram
		var e packet.Echo
		packet.ParseEthernet(frame, &d)
		e.Decode(d.Payload, &b.e.echoKey)
		return e.Discr == b.discr // the other's are lost
	}
	b.let(sec)
	one, two := b.status(b.discr).Echo, b.status(other).Echo
	if one.State != EchoActive || one.Returned+2 < one.Sent || two.State != EchoProbing || two.Returned != 0 || two.Sent < 50 {
		t.Errorf("one %+v, two %+v", one, two)
	}
	rows.Covers(t, "5880-5-01", "5880-6.8.8-01")
}

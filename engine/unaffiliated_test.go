package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// alone is p50 by unaffiliated Echo.
func alone() session.Params {
	p := p50
	p.Kind = session.Unaffiliated
	return p
}

// aloneBed is a session that lives on its own packets, and Up.
func aloneBed(t testing.TB, path Path) *loopBed {
	t.Helper()
	b := newLoopBed(t, 1, alone(), path)
	b.quiet, b.way = true, nil
	b.let(sec)
	if st := b.status(b.discr); st.State != packet.Up {
		t.Fatalf("session is %v", st.State)
	}
	return b
}

// Only packets to port 3785 of our own address leave, in every state, and the
// session comes Up by them.
func TestUnaffiliatedFrames(t *testing.T) {
	for _, path := range []Path{echoPathTo(1), six()} {
		b := aloneBed(t, path)
		b.loop = func([]byte) bool { return len(b.echoes)%100 < 96 }
		b.clear()
		b.let(30 * sec)
		states := make(map[packet.State]int)
		for _, frame := range b.echoes {
			var s sentPacket
			packet.ParseEthernet(frame, &s.Datagram)
			if d := s.Decode(s.Payload); d != packet.DropNone {
				t.Fatalf("sent %x: %v", s.Payload, d)
			}
			states[s.State]++
			if s.Src != path.EchoSource || s.Dst != path.Local || s.TTL != 255 || s.SrcPort != b.status(b.discr).SourcePort || s.DstMAC != peerMAC {
				t.Fatalf("sent %+v", s.Datagram)
			}
			if s.MyDiscr != b.discr || s.DesiredMinTx != 1_000_000 || s.RequiredMinRx != 1_000_000 || s.RequiredMinEchoRx != 0 {
				t.Fatalf("sent %+v", s.Control)
			}
		}
		if len(b.controls) != 0 || states[packet.Down] == 0 || states[packet.Init] == 0 || states[packet.Up] < 100 || states[packet.AdminDown] != 0 {
			t.Errorf("%d packets to another port, states %v", len(b.controls), states)
		}
		if st := b.status(b.discr); st.Diag != packet.DiagEchoFailed || st.Counters.Failures == 0 {
			t.Errorf("%v, %d failures", st.Diag, st.Counters.Failures)
		}
	}
	rows.Covers(t, "9747-2-01", "9747-2-02", "9747-2-05", "9747-2-07", "9747-2-12", "9747-3-01", "5881-4-09")
}

// What comes back must have been forwarded once, and pass every check that a
// Control packet has to.
func TestUnaffiliatedReturns(t *testing.T) {
	ttl := func(n uint8) func(rx *Rx) { return func(rx *Rx) { rx.TTL = n } }
	for _, c := range []struct {
		name string
		edit func(rx *Rx)
		want packet.Drop
	}{
		{"good", func(*Rx) {}, packet.DropNone},
		{"other fields", spoil(func(b []byte) { clear(b[16:24]); b[12] = 0xff; b[2] = 200 }), packet.DropNone},
		{"not forwarded", ttl(255), packet.DropTTL},
		{"two hops", ttl(253), packet.DropTTL},
		{"many hops", ttl(64), packet.DropTTL},
		{"version", spoil(func(b []byte) { b[0] ^= 0xc0 }), packet.DropBadVersion},
		{"multiplier 0", spoil(func(b []byte) { b[2] = 0 }), packet.DropZeroMult},
		{"length", spoil(func(b []byte) { b[3] = 25 }), packet.DropBadLengthMax},
		{"M", spoil(func(b []byte) { b[1] |= 1 }), packet.DropMultipoint},
		{"A", spoil(func(b []byte) { b[1] |= 4; b[3] = 24 }), packet.DropBadLengthMin},
		{"another Your Discriminator", spoil(func(b []byte) { b[11] ^= 1 }), packet.DropUnknownYourDiscr},
		{"none, and Up", spoil(func(b []byte) { clear(b[8:12]) }), packet.DropZeroYourDiscrState},
		{"none, and Down, from another port", func(rx *Rx) { clear(rx.Payload[8:12]); rx.Payload[1] = 1 << 6; rx.SrcPort++ }, packet.DropNoSession},
		{"nobody's", spoil(func(b []byte) { b[7] ^= 1 }), packet.DropUnknownYourDiscr},
		{"short", func(rx *Rx) { rx.Payload = rx.Payload[:23] }, packet.DropShort},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := aloneBed(t, echoPathTo(1))
			b.clear()
			b.loop = func([]byte) bool { return false }
			b.let(51 * ms)
			rx := b.received(loopedBack(t, b.echoes[len(b.echoes)-1]))
			c.edit(&rx)
			before, drops := b.status(b.discr), b.drops()[c.want]
			b.hear(0, rx)
			after := b.status(b.discr)
			if took := after.Counters.Rx > before.Counters.Rx; took != (c.want == packet.DropNone) {
				t.Errorf("taken: %v", took)
			}
			if got := b.drops()[c.want] - drops; c.want != packet.DropNone && got != 1 {
				t.Errorf("%d under %v", got, c.want)
			}
			if after.State != packet.Up || after.TxInterval != 50_000 || after.DetectionTime != int64(150*ms) {
				t.Errorf("session is %v at %d µs, detection %d", after.State, after.TxInterval, after.DetectionTime)
			}
			b.let(100 * ms)
			if st := b.status(b.discr); (st.Counters.Failures == 1) != (c.want != packet.DropNone) {
				t.Errorf("%d failures after 150 ms with one such packet", st.Counters.Failures)
			}
		})
	}
	rows.Covers(t, "9747-2-03", "9747-2-04", "9747-2-06", "9747-2-08", "9747-2-09")
}

// Two of them side by side, first packets included, and no Control packet of
// anybody else's concerns either.
func TestUnaffiliatedOfTwo(t *testing.T) {
	b := aloneBed(t, echoPathTo(1))
	other, err := b.e.Add(Spec{Params: alone()})
	if err == nil {
		err = b.e.SetPath(other, echoPathTo(2))
	}
	if err != nil {
		t.Fatal(err)
	}
	b.step()
	b.let(sec)
	if one, two := b.status(b.discr), b.status(other); two.State != packet.Up || one.Counters.Failures != 0 || one.SourcePort == two.SourcePort {
		t.Errorf("%v and %v", one.State, two.State)
	}
	b.loop = func(frame []byte) bool {
		var d packet.Datagram
		packet.ParseEthernet(frame, &d)
		return d.SrcPort == b.status(b.discr).SourcePort
	}
	b.let(sec)
	if one, two := b.status(b.discr), b.status(other); two.State != packet.Down || one.State != packet.Up || one.Counters.Failures != 0 {
		t.Errorf("the other's are lost: %v and %v", one.State, two.State)
	}
	before := b.status(b.discr).Counters.Rx
	for _, your := range []uint32{0, b.discr} {
		b.hear(0, b.rx(1, control(1, packet.Down, your)))
	}
	if st := b.status(b.discr); st.Counters.Rx != before || st.State != packet.Up {
		t.Error("a Control packet on port 3784 is taken")
	}
	plain, err := b.e.Add(Spec{Params: p50})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.e.SetPath(plain, echoPathTo(1)); !errors.Is(err, ErrDuplicate) {
		t.Errorf("another session with the peer of an unaffiliated one: %v", err)
	}
	rows.Covers(t, "9747-2-04", "9747-4-01")
}

// Without a ring, a MAC or a source nothing leaves: the kernel would answer
// itself.
func TestUnaffiliatedNeedsARing(t *testing.T) {
	for name, edit := range map[string]func(p *port, path *Path){
		"no ring":   func(p *port, _ *Path) { p.socket = true },
		"no MAC":    func(_ *port, path *Path) { path.MACKnown = false },
		"no source": func(_ *port, path *Path) { path.EchoSource = packet.Addr{} },
	} {
		r := newRig(t, 1)
		d, err := r.e.Add(Spec{Params: alone()})
		if err != nil {
			t.Fatal(err)
		}
		path := echoPathTo(1)
		edit(r.ports[0], &path)
		if err := r.e.SetPath(d, path); err != nil {
			t.Fatal(err)
		}
		r.run(10 * sec)
		if n := len(r.ports[0].out) + len(r.ports[0].l2); n != 0 || r.status(d).Counters.Tx != 0 {
			t.Errorf("%s: %d sent", name, n)
		}
	}
	b := aloneBed(t, echoPathTo(1))
	b.configure(func(p *session.Params) { p.AdminDown = true })
	b.step()
	b.collect()
	b.clear()
	b.let(10 * sec)
	if len(b.echoes)+len(b.controls) != 0 {
		t.Errorf("disabled: %d sent", len(b.echoes)+len(b.controls))
	}
	if err := b.e.Remove(b.discr, int64(sec)); err != nil {
		t.Fatal(err)
	}
	b.step()
	if ev := b.take(); len(ev) == 0 || !ev[len(ev)-1].Gone {
		t.Errorf("removed: nobody waits, but it stays: %+v", ev)
	}
	rows.Covers(t, "9747-2-02", "9747-3-01", "9747-2-01")
}

// dirtyPort gives buffers that are full of an earlier frame.
type dirtyPort struct{ port }

func (p *dirtyPort) Alloc(l2 bool) []byte {
	b := p.port.Alloc(l2)
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

// No byte of a frame comes from what its buffer held before.
func TestNoByteOfAnEarlierFrame(t *testing.T) {
	frames := func(p session.Params, path Path, dirty bool) (all [][]byte) {
		r := newRig(t, 1)
		at := r.ports[0]
		if dirty {
			d := new(dirtyPort)
			at = &d.port
			r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
			r.e.AttachPort(0, ifindex, d)
		}
		d, err := r.e.Add(Spec{Params: p})
		if err == nil {
			err = r.e.SetPath(d, path)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.run(10 * ms)
		bed := &loopBed{rig: r, discr: d, path: path}
		for _, st := range []packet.State{packet.Down, packet.Up, packet.Up} {
			c := control(1, st, d)
			c.RequiredMinEchoRx = 20_000
			if p.Kind == session.Unaffiliated {
				c.MyDiscr = d
			}
			at.in = append(at.in, bed.framed(c))
			r.run(50 * ms)
		}
		at.in = append(at.in, r.received(peerEcho(t, path, path.Peer, path.Peer, 255)))
		r.run(sec)
		return at.out
	}
	for name, p := range map[string]session.Params{"echo": echoParams(), "multihop": far(), "unaffiliated": alone()} {
		for _, path := range []Path{echoPathTo(1), six()} {
			clean, dirty := frames(p, path, false), frames(p, path, true)
			if len(clean) < 2 || len(clean) != len(dirty) {
				t.Fatalf("%s: %d and %d frames", name, len(clean), len(dirty))
			}
			for i := range clean {
				if !bytes.Equal(clean[i], dirty[i]) {
					t.Fatalf("%s: frame %d:\n% x, with clean buffers\n% x", name, i, dirty[i], clean[i])
				}
			}
		}
	}
	rows.Covers(t, "9747-5-02")
}

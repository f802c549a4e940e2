package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// six is echoPathTo over IPv6.
func six() Path {
	p := echoPathTo(1)
	p.Local, p.Peer, p.EchoSource = addr("2001:db8::1"), addr("2001:db8::2"), addr("2001:db8:ffff::1")
	return p
}

// An Echo packet is addressed to ourselves, goes to the peer's MAC, comes from
// the source that was set, and tells whose it is.
func TestEchoFrames(t *testing.T) {
	for _, path := range []Path{echoPathTo(1), six()} {
		b := newLoopBed(t, 1, echoParams(), path)
		for _, dscp := range []uint8{48, 10} {
			if err := b.e.SetDSCP(b.discr, dscp); err != nil {
				t.Fatal(err)
			}
			b.let(sec)
			b.clear()
			b.let(sec)
			if n := len(b.echoes); n < 50 || n > 67 {
				t.Errorf("%d Echo packets in a second at 20 ms", n)
			}
			for _, frame := range b.echoes {
				var d packet.Datagram
				packet.ParseEthernet(frame, &d)
				var e packet.Echo
				if !e.Decode(d.Payload, &b.e.echoKey) || e.Discr != b.discr {
					t.Fatalf("the payload is %x", d.Payload)
				}
				d.Payload = nil
				want := packet.Datagram{
					Src: path.EchoSource, Dst: path.Local, SrcPort: b.status(b.discr).SourcePort, DstPort: 3785,
					SrcMAC: localMAC, DstMAC: peerMAC, TTL: 255,
				}
				if diff := cmp.Diff(want, d); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
				if class := uint16(frame[14])<<8 | uint16(frame[15]); path.Local.Is4() && frame[15]>>2 != dscp || !path.Local.Is4() && uint8(class>>6)&0x3f != dscp {
					t.Fatalf("DSCP is not %d in % x", dscp, frame[14:16])
				}
			}
		}
		for _, c := range b.controls {
			if c.DstPort != packet.PortControl || c.Dst != path.Peer {
				t.Errorf("a Control packet to %v port %d", c.Dst.Netip(), c.DstPort)
			}
		}
	}
	rows.Covers(t, "5881-4-08", "5881-4-09", "5881-4-13", "5881-2-04", "5880-5-01", "5880-6.8.9-03")
}

// Echo is sent with everything there that it takes, and not a packet longer.
func TestEchoStates(t *testing.T) {
	none := func(*loopBed) {}
	for _, c := range []struct {
		name string
		miss func(b *loopBed)
		want EchoState
		back func(b *loopBed)
	}{
		{"nothing", none, EchoActive, none},
		{"turned off", func(b *loopBed) { b.configure(func(p *session.Params) { p.EchoTx = 0 }) }, EchoOff,
			func(b *loopBed) { b.configure(func(p *session.Params) { p.EchoTx = 20_000 }) }},
		{"disabled", func(b *loopBed) { b.configure(func(p *session.Params) { p.AdminDown = true }) }, EchoNotUp,
			func(b *loopBed) { b.configure(func(p *session.Params) { p.AdminDown = false }) }},
		{"held down", func(b *loopBed) { b.configure(func(p *session.Params) { p.HoldDown = true }) }, EchoNotUp,
			func(b *loopBed) { b.configure(func(p *session.Params) { p.HoldDown = false }) }},
		{"peer loops none", func(b *loopBed) { b.peer.RequiredMinEchoRx = 0; b.say(b.peer); b.let(0) }, EchoUnwanted,
			func(b *loopBed) { b.peer.RequiredMinEchoRx = 20_000 }},
		{"no source", func(b *loopBed) { p := b.path; p.EchoSource = packet.Addr{}; b.set(p) }, EchoNoSource,
			func(b *loopBed) { p := b.path; p.EchoSource = addr("198.51.100.2"); b.set(p) }},
		{"no MAC", func(b *loopBed) { p := b.path; p.MACKnown = false; b.set(p) }, EchoNoPath,
			func(b *loopBed) { p := b.path; p.MACKnown = true; b.set(p) }},
		{"no ring", func(b *loopBed) { b.e.AttachPort(0, ifindex, &port{socket: true}) }, EchoNoPath,
			func(b *loopBed) { b.e.AttachPort(0, ifindex, b.ports[0]) }},
		{"path gone", func(b *loopBed) {
			if err := b.e.ClearPath(b.discr); err != nil {
				b.t.Fatal(err)
			}
		}, EchoNoSource, func(b *loopBed) { b.set(echoPathTo(1)) }},
		{"port gone", func(b *loopBed) { b.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) }) }, EchoNoPath,
			func(b *loopBed) { b.e.AttachPort(0, ifindex, b.ports[0]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
			b.wantEcho("before", EchoActive)
			c.miss(b)
			b.step()
			b.collect()
			b.wantEcho("missing", c.want)
			b.clear()
			b.let(100 * ms)
			if (len(b.echoes) != 0) != (c.want == EchoActive) {
				t.Errorf("%d Echo packets", len(b.echoes))
			}
			if st := b.status(b.discr); c.want != EchoActive && (st.Echo.Interval != 0 || st.Echo.DetectionTime != 0) {
				t.Errorf("missing, but %+v", st.Echo)
			}
			c.back(b)
			b.let(5 * sec)
			b.wantEcho("back", EchoActive)
			if st := b.status(b.discr); st.Counters.Failures != 0 || st.Discards[packet.DropEchoReplayed]+st.Discards[packet.DropEchoAuth] != 0 {
				t.Errorf("%d failures, discards %v", st.Counters.Failures, st.Discards)
			}
		})
	}
	rows.Covers(t, "5880-6.8.9-01", "5880-6.8.9-02", "5880-6.8.6-21", "5880-6.1-07", "5880-6.8.13-01")
}

// Until the first one has come back nothing depends on Echo; then it guards the
// path and Control slows down; and as long as it is not turned on nothing does.
func TestEchoProbesFirst(t *testing.T) {
	b := newLoopBed(t, 1, p50, echoPathTo(1))
	back := false
	b.loop = func([]byte) bool { return back }
	b.configure(func(p *session.Params) { p.EchoTx = 20_000 })
	b.let(5 * sec)
	b.wantEcho("none came back", EchoProbing)
	if st := b.status(b.discr); st.State != packet.Up || st.AdvertisedMinRx != 50_000 || st.DetectionTime != int64(150*ms) || st.Echo.Sent < 200 {
		t.Errorf("none came back: %v, asks for %d µs, detects in %d, sent %d", st.State, st.AdvertisedMinRx, st.DetectionTime, st.Echo.Sent)
	}
	b.clear()
	back = true
	b.let(sec)
	b.wantEcho("coming back", EchoActive)
	polled := false
	for _, c := range b.controls {
		polled = polled || c.Poll && c.RequiredMinRx == 1_000_000
	}
	if st := b.status(b.discr); !polled || st.AdvertisedMinRx != 1_000_000 || st.DetectionTime != 3*int64(sec) || st.Echo.DetectionTime != int64(60*ms) {
		t.Errorf("coming back: polled %v, %d µs, %d ns, echo %+v", polled, st.AdvertisedMinRx, st.DetectionTime, st.Echo)
	}
	b.clear()
	b.configure(func(p *session.Params) { p.EchoTx = 0 })
	b.let(sec)
	if st := b.status(b.discr); st.AdvertisedMinRx != 50_000 || st.DetectionTime != int64(150*ms) || !b.controls[0].Poll {
		t.Errorf("turned off: asks for %d µs, detects in %d ns, first packet %+v", st.AdvertisedMinRx, st.DetectionTime, b.controls[0].Control)
	}
	rows.Covers(t, "5880-6.4-03", "5880-6.8.3-11", "5880-6.8.8-02", "5880-6.4-02", "5881-2-03")
}

// The rate follows the peer's last packet, with the jitter for its only excess.
func TestEchoRate(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	for _, us := range []uint32{20_000, 100_000, 50_000, 200_000, 1_000, 20_000} {
		b.peer.RequiredMinEchoRx = us
		b.say(b.peer)
		b.let(0)
		b.clear()
		b.let(3 * sec)
		interval := session.Time(max(us, 20_000)) * 1000
		for i := 1; i < len(b.at); i++ {
			if g := b.at[i] - b.at[i-1]; g < interval/4*3 || g > interval {
				t.Fatalf("the peer takes one in %d µs: a gap of %d ns", us, g)
			}
		}
		if n := session.Time(len(b.at)); n < 3*sec/interval || n > 4*sec/interval+1 {
			t.Errorf("the peer takes one in %d µs: %d in 3 s", us, n)
		}
		b.wantEcho("retimed", EchoActive)
	}
	if st := b.status(b.discr); st.Counters.Failures != 0 {
		t.Errorf("%d failures", st.Counters.Failures)
	}
	rows.Covers(t, "5880-6.8.9-03", "5880-6.8.9-04", "5880-6.8.9-05")
}

// A path that stops looping takes the session Down with diagnostic 2, though
// Control packets go on arriving, and Echo stops; it does not flap after that.
func TestEchoFailure(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	b.take()
	var cut session.Time
	b.loop = func([]byte) bool { return false }
	b.let(2 * ms)
	cut = b.now
	b.clear()
	b.let(80 * ms)
	events := b.take()
	if len(events) == 0 || !events[0].Failed {
		t.Fatalf("events %+v", events)
	}
	f := events[0].Failure
	if f.Diag != packet.DiagEchoFailed || f.DetectionTime != int64(60*ms) || f.At-f.LastRx != 60*ms || f.At > cut+60*ms || f.Admin {
		t.Errorf("failure %+v, the path was cut at %d", f, cut)
	}
	down := 0
	for _, c := range b.controls {
		if c.State == packet.Down {
			down++
			if c.Diag != packet.DiagEchoFailed || c.YourDiscr != peerDiscr(1) || c.RequiredMinRx != 50_000 {
				t.Errorf("Down says %+v", c.Control)
			}
		}
	}
	if down == 0 {
		t.Error("the peer was not told")
	}
	st := b.status(b.discr)
	for _, at := range b.at {
		if at >= f.At && at < st.Change.At {
			t.Error("Echo goes on in Down")
		}
	}
	if st.State != packet.Up || st.Counters.Failures != 1 {
		t.Errorf("%v, %d failures", st.State, st.Counters.Failures)
	}
	b.let(10 * sec)
	b.wantEcho("Up again, not looped", EchoProbing)
	if st := b.status(b.discr); st.State != packet.Up || st.Counters.Failures != 1 {
		t.Errorf("%v, %d failures", st.State, st.Counters.Failures)
	}
	b.loop = func([]byte) bool { return true }
	b.let(sec)
	b.wantEcho("looped again", EchoActive)
	rows.Covers(t, "5880-6.8.5-01", "5880-6.8.5-02", "5880-6.1-07", "5880-6.8.9-01", "5880-6.8.8-01")
}

// With Echo coming back, the peer's silence is still found.
func TestControlGuardsWhileEchoRuns(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	b.quiet = true
	last := b.status(b.discr).LastRx
	b.let(3*sec + 50*ms)
	st := b.status(b.discr)
	if st.Change.To != packet.Down || st.Change.Diag != packet.DiagControlExpiry || st.Change.At < last+3*sec {
		t.Errorf("%+v, last packet at %d", st.Change, last)
	}
	rows.Covers(t, "5880-6.8.5-03")
}

// A Step that sends an Echo packet has done it all: it does not ask to be called
// again at once.
func TestEchoTakesOneStep(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	w := b.e.workers[0]
	for n := 0; n < 20; {
		b.now = max(b.now, w.Step(b.now))
		sent := b.status(b.discr).Echo.Sent
		next := w.Step(b.now)
		if b.status(b.discr).Echo.Sent > sent {
			n++
			if next <= b.now {
				t.Fatal("wants another Step at once")
			}
		}
		b.collect()
		for i := range b.way {
			b.way[i].Arrival = b.now
			b.ports[0].in = append(b.ports[0].in, b.way[i])
		}
		b.way = nil
	}
	rows.Covers(t, "5880-6.8.8-01")
}

// After a stall of our own the packets that we had no time to send are not lost.
func TestEchoAfterStall(t *testing.T) {
	for _, stall := range []session.Time{3 * ms, 25 * ms, 400 * ms} {
		for _, mult := range []uint8{1, 3} {
			p := echoParams()
			p.DetectMult = mult
			b := newLoopBed(t, 1, p, echoPathTo(1))
			b.rtt = 15 * ms
			b.loop = func([]byte) bool { return true }
			b.let(sec)
			if b.status(b.discr).Counters.Failures != 0 { // a longer way all at once is a failure with 1
				b.let(3 * sec)
			}
			failures := b.status(b.discr).Counters.Failures
			b.wantEcho("before", EchoActive)
			b.now = b.step() + stall
			b.say(b.peer)
			b.let(2 * sec)
			b.wantEcho("after", EchoActive)
			if st := b.status(b.discr); st.Counters.Failures != failures {
				t.Errorf("a stall of %d ns, multiplier %d: %+v", stall, mult, st.Change)
			}
		}
	}
	rows.Covers(t, "5880-6.8.5-01")
}

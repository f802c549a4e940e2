package engine

import (
	"testing"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// hearsAlone plays the XDP program: it takes the frames that lanes expect.
func (b *loopBed) hearsAlone(rx Rx) bool {
	if b.e.lanes == nil {
		return false
	}
	lane, ok := b.e.Lane(b.discr)
	if !ok || rx.DstPort == packet.PortEcho {
		return false
	}
	heard, _ := b.e.lanes.Take(lane, rx.Frame, b.path.Ifindex, int64(rx.Arrival))
	return heard
}

// newHeardBed is a bed whose engine has lanes.
func newHeardBed(t testing.TB, p session.Params) *loopBed {
	r := newRig(t, 1)
	r.e.lanes = fastpath.New(4)
	return newLoopBedOn(r, p, echoPathTo(1))
}

// rings is how many packets the session took itself while d passed.
func (b *loopBed) rings(d session.Time) uint64 {
	before := b.status(b.discr).Counters.Rx
	b.let(d)
	return b.status(b.discr).Counters.Rx - before
}

// In steady state no packet reaches the engine, the session stays Up, and
// silence is noticed at the very instant.
func TestHeard(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	before := b.status(b.discr)
	if n := b.rings(10 * sec); n != 0 {
		t.Errorf("%d packets came through the ring", n)
	}
	st := b.status(b.discr)
	if st.State != packet.Up || st.Heard != HeardActive || st.Counters.Down != 0 {
		t.Fatalf("%v, %v, %d times down", st.State, st.Heard, st.Counters.Down)
	}
	if n := st.RxHeard - before.RxHeard; n != 250 {
		t.Errorf("heard %d packets in 10 s, want 250", n)
	}
	if m := st.Margin; m.LongestRx < int64(40*ms) || m.LongestRx > int64(2*sec) || m.Least > int64(110*ms) {
		t.Errorf("margin %+v", m)
	}
	b.quiet = true
	b.let(sec)
	last := st.LastRx
	if st = b.status(b.discr); st.State != packet.Down || st.Change.At < last+150*ms || st.Change.At > last+191*ms || st.LastRx != st.Change.At-150*ms {
		t.Errorf("%v %d ns after the last packet", st.State, st.Change.At-st.LastRx)
	}
	if st.Heard != HeardNotUp {
		t.Errorf("Down, and %v", st.Heard)
	}
}

// What the peer says anew comes through the ring, whatever it is, and is then
// what is expected.
func TestHeardNews(t *testing.T) {
	for name, edit := range map[string]func(*packet.Control){
		"multiplier":    func(c *packet.Control) { c.DetectMult = 10 },
		"interval":      func(c *packet.Control) { c.DesiredMinTx = 200_000 },
		"diagnostic":    func(c *packet.Control) { c.Diag = packet.DiagConcatPathDown },
		"discriminator": func(c *packet.Control) { c.MyDiscr++ },
		"C bit":         func(c *packet.Control) { c.CPI = true },
	} {
		b := newHeardBed(t, p50)
		b.let(sec)
		edit(&b.peer)
		if n := b.rings(sec); n == 0 || n > 3 {
			t.Errorf("%s: %d packets came through the ring", name, n)
		}
		if n := b.rings(sec); n != 0 || b.status(b.discr).Heard != HeardActive {
			t.Errorf("%s: later %d packets did, %v", name, n, b.status(b.discr).Heard)
		}
	}
	b := newHeardBed(t, p50)
	b.peer.State, b.quiet = packet.Down, true
	b.way = append(b.way, b.framed(b.peer))
	b.let(ms)
	if st := b.status(b.discr); st.State != packet.Down || st.Diag != packet.DiagNeighborDown {
		t.Errorf("the peer's Down: %v/%v", st.State, st.Diag)
	}
}

// Every packet counts for the engine while it has to look at each of them.
func TestHeardReasons(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*session.Params)
		want HeardState
	}{
		"echo":       {func(p *session.Params) { p.EchoTx = 20_000 }, HeardEcho},
		"demand":     {func(p *session.Params) { p.Demand, p.DemandPoll = true, 1_000_000 }, HeardDemand},
		"ceiling":    {func(p *session.Params) { p.Ceiling = 1_000_000 }, HeardCongestion},
		"hold down":  {func(p *session.Params) { p.HoldDown = true }, HeardNotUp},
		"admin down": {func(p *session.Params) { p.AdminDown = true }, HeardNotUp},
	} {
		b := newHeardBed(t, p50)
		b.let(sec)
		b.configure(c.edit)
		b.let(sec)
		if st := b.status(b.discr); st.Heard != c.want {
			t.Errorf("%s: %v, want %v", name, st.Heard, c.want)
		}
		if n := b.rings(sec); n == 0 && c.want != HeardDemand && name != "admin down" {
			t.Errorf("%s: no packet came through the ring", name)
		}
		b.configure(func(p *session.Params) { *p = p50 })
		b.let(10 * sec)
		if st := b.status(b.discr); st.State != packet.Up || st.Heard != HeardActive {
			t.Errorf("%s, and back: %v, %v", name, st.State, st.Heard)
		}
	}
}

// A Poll of ours has its Final, and its end, seen by the engine.
func TestHeardDuringPoll(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	b.configure(func(p *session.Params) { p.DesiredMinTx, p.RequiredMinRx = 100_000, 100_000 })
	b.let(sec)
	st := b.status(b.discr)
	if st.Polling || st.TxInterval != 100_000 || st.DetectionTime != int64(300*ms) || st.Heard != HeardActive {
		t.Errorf("polling %v, every %d µs, detection %d ns, %v", st.Polling, st.TxInterval, st.DetectionTime, st.Heard)
	}
}

// A stall of ours costs nothing: what arrived meanwhile was noted.
func TestHeardOverAStall(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	lane, _ := b.e.Lane(b.discr)
	frame := b.framed(b.peer).Frame
	for range 50 { // 2 s in which nobody calls Step
		b.now += 40 * ms
		if heard, _ := b.e.lanes.Take(lane, frame, ifindex, int64(b.now)); !heard {
			t.Fatal("the program did not hear the packet")
		}
	}
	b.nextSay = b.now + 40*ms
	b.let(sec)
	if st := b.status(b.discr); st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("%v, %d times down", st.State, st.Counters.Down)
	}
}

// While we stand still the kernel answers in our place, almost as often as we
// would, with our own packet; while we do not, never.
func TestInsured(t *testing.T) {
	r := newRig(t, 1)
	r.e.lanes, r.e.insurance = fastpath.New(4), true
	b := newLoopBedOn(r, p50, echoPathTo(1))
	b.let(10 * sec)
	st := b.status(b.discr)
	if !st.Insured || st.Answered != 0 {
		t.Fatalf("insured %v, %d answered while we ran", st.Insured, st.Answered)
	}
	lane, _ := b.e.Lane(b.discr)
	frame := b.framed(b.peer).Frame
	stand := func(d session.Time) (answers int) {
		t.Helper()
		for end := b.now + d; b.now < end; {
			b.now += 40 * ms
			_, answer := b.e.lanes.Take(lane, frame, ifindex, int64(b.now))
			if answer == nil {
				continue
			}
			answers++
			var c packet.Control
			rx := b.received(answer)
			if drop := c.Decode(rx.Payload); drop != packet.DropNone || c.State != packet.Up || c.MyDiscr != b.discr ||
				c.YourDiscr != b.peer.MyDiscr || c.Poll || c.Final || rx.TTL != 255 || rx.Dst != b.path.Peer {
				t.Fatalf("answered %+v in %+v", c, rx)
			}
		}
		b.nextSay = b.now + 40*ms
		return answers
	}
	if n := stand(2 * sec); n < 45 {
		t.Errorf("%d of 50 packets answered in a stall of 2 s", n)
	}
	b.let(sec)
	if st := b.status(b.discr); st.State != packet.Up || st.Counters.Down != 0 || !st.Insured {
		t.Errorf("%v, %d times down, insured %v", st.State, st.Counters.Down, st.Insured)
	}
	if n := stand(10 * sec); n < 60 || n > 75 {
		t.Errorf("%d answers in a stall of 10 s, of which only 3 are insured", n)
	}
	b.let(sec)
	answered := b.status(b.discr).Answered
	b.configure(func(p *session.Params) { p.AdminDown = true })
	b.let(ms)
	if n := stand(sec); n != 0 {
		t.Errorf("%d answers that say Up while the session is AdminDown", n)
	}
	if st := b.status(b.discr); st.Answered != answered || st.Insured {
		t.Errorf("insured %v, %d answered and %d before", st.Insured, st.Answered, answered)
	}
}

// Packets over several hops are answered by the way out, others by the way that they came.
func TestInsuredWayOut(t *testing.T) {
	for kind, want := range map[session.Kind]uint64{session.SingleHop: 0, session.Multihop: ifindex} {
		r := newRig(t, 1)
		r.e.lanes, r.e.insurance = fastpath.New(4), true
		params := p50
		params.Kind = kind
		b := newLoopBedOn(r, params, echoPathTo(1))
		b.let(10 * sec)
		lane, _ := b.e.Lane(b.discr)
		reply := &b.e.lanes.Replies[lane]
		if got := reply.Answer[reply.Gen&1].Out; !b.status(b.discr).Insured || got != want {
			t.Errorf("kind %d: insured %v, by %d, want %d", kind, b.status(b.discr).Insured, got, want)
		}
	}
}

// A lane serves the next session when the last one is gone, and sessions beyond
// the lanes go without.
func TestLanesReused(t *testing.T) {
	r := newRig(t, 1)
	r.e.lanes = fastpath.New(2)
	var all []uint32
	for n := range 3 {
		all = append(all, r.add(p50, n))
	}
	r.step()
	taken := func(want ...bool) {
		t.Helper()
		seen := map[int]bool{}
		for i, d := range all {
			lane, ok := r.e.Lane(d)
			if ok != want[i] || ok && seen[lane] {
				t.Errorf("session %d: lane %d, %v", i, lane, ok)
			}
			seen[lane] = ok
		}
	}
	taken(true, true, false)
	if err := r.e.Remove(all[0], -1); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.take()
	all[0] = r.add(p50, 9)
	taken(true, true, false)
}

// Listening costs no allocation.
func TestHeardDoesNotAllocate(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	w, now := b.e.workers[0], b.now
	lane, _ := b.e.Lane(b.discr)
	frame := b.framed(b.peer).Frame
	if n := testing.AllocsPerRun(200, func() {
		now += 40 * ms
		b.e.lanes.Take(lane, frame, ifindex, int64(now))
		w.Step(now)
		b.ports[0].out, b.ports[0].held, b.ports[0].l2 = b.ports[0].out[:0], b.ports[0].held[:0], b.ports[0].l2[:0]
	}); n > 3 { // those of the test's port, which clones what it sends
		t.Errorf("%v allocations", n)
	}
}

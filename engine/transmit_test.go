package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A session without a path says nothing, and starts when it gets one.
func TestNoPathNoPackets(t *testing.T) {
	r := newRig(t, 1)
	d, err := r.e.Add(Spec{Params: p50})
	if err != nil {
		t.Fatal(err)
	}
	r.run(5 * sec)
	if n := len(r.ports[0].out); n != 0 || r.status(d).Counters.Tx != 0 {
		t.Fatalf("%d packets without a path", n)
	}
	if err := r.e.SetPath(d, pathTo(1)); err != nil {
		t.Fatal(err)
	}
	r.run(2 * ms)
	if n := len(r.ports[0].sent(t)); n != 1 {
		t.Errorf("%d packets within 2 ms of the path's coming", n)
	}
	if err := r.e.ClearPath(d); err != nil {
		t.Fatal(err)
	}
	r.run(5 * sec)
	if n := len(r.ports[0].out); n != 0 {
		t.Errorf("%d packets after the path went", n)
	}
}

// Paths that come and go do not make a session faster than its interval.
func TestFlappingPath(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(10 * ms)
	r.ports[0].out = nil
	for range 100 {
		for _, err := range []error{r.e.ClearPath(d), r.e.SetPath(d, pathTo(1))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		r.run(10 * ms)
	}
	if n := len(r.ports[0].sent(t)); n != 1 {
		t.Errorf("%d packets in a second at an interval of 1 s", n)
	}
}

// Sessions that get their paths together neither burst nor march in step.
func TestFirstPacketsArePaced(t *testing.T) {
	const n = 1000
	r := newRig(t, 1)
	for i := range n {
		r.add(session.Params{DesiredMinTx: 100_000, RequiredMinRx: 100_000, DetectMult: 3}, i)
	}
	most := func(bins map[session.Time]int) (most, sum int) {
		for _, c := range bins {
			most = max(most, c)
			sum += c
		}
		return most, sum
	}
	first := make(map[session.Time]int)
	end := r.now + 100*ms
	for r.now < end {
		next := r.step()
		first[r.now/ms] += len(r.ports[0].sent(t))
		r.now = min(next, end)
	}
	if worst, sum := most(first); sum != n || worst > 50 {
		t.Errorf("%d of %d first packets within 100 ms, %d of them in one millisecond", sum, n, worst)
	}

	var all []uint32
	for d, rec := range r.e.sessions {
		all = append(all, d)
		i := int(rec.path.key.peer[14])<<8 | int(rec.path.key.peer[15])
		r.ports[0].in = append(r.ports[0].in, r.rx(i, control(i, packet.Down, 0)), r.rx(i, control(i, packet.Up, d)))
	}
	// All came Up at one instant, and are kept there.
	bins := make(map[session.Time]int)
	start := r.now
	for r.now < start+6*sec {
		if r.now-start > 5*sec {
			bins[r.now/ms] += len(r.ports[0].out)
		}
		r.ports[0].out = nil
		if (r.now-start)/ms%50 == 0 {
			for i, d := range all {
				rec := r.e.sessions[d]
				i = int(rec.path.key.peer[14])<<8 | int(rec.path.key.peer[15])
				r.ports[0].in = append(r.ports[0].in, r.rx(i, control(i, packet.Up, d)))
			}
		}
		r.step()
		r.now += ms
	}
	if worst, sum := most(bins); sum < 10_000 || worst*20 > sum {
		t.Errorf("%d of %d packets in one millisecond", worst, sum)
	}
	rows.Covers(t, "5880-6.8.7-21")
}

// A new path is in the very next packet.
func TestNewPath(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	r.ports[0].out = nil
	moved := pathTo(1)
	moved.PeerMAC = packet.MAC{2, 0, 0, 0, 0, 9}
	if err := r.e.SetPath(d, moved); err != nil {
		t.Fatal(err)
	}
	r.hear(0, r.rx(1, control(1, packet.Up, d)))
	r.run(60 * ms)
	for _, s := range r.ports[0].sent(t) {
		if s.DstMAC != moved.PeerMAC || s.Dst != moved.Peer {
			t.Errorf("sent to %v at %v", s.Dst.Netip(), s.DstMAC)
		}
	}
	unknown := moved
	unknown.MACKnown = false
	r.ports[0].l2 = nil
	if err := r.e.SetPath(d, unknown); err != nil {
		t.Fatal(err)
	}
	r.run(60 * ms)
	if diff := cmp.Diff([]bool{false}, r.ports[0].l2); diff != "" {
		t.Errorf("whether the Ethernet header is complete (-want +got):\n%s", diff)
	}
	if r.status(d).State != packet.Up {
		t.Error("the session flapped")
	}
	rows.Covers(t, "ENV-L2-02")
}

// What the path has no room for is counted with the session, what the kernel
// refuses with the worker.
func TestFailedSends(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.ports[0].full = true
	r.run(10 * ms)
	c := r.status(d).Counters
	if c.Tx != 0 || c.TxFailed != 1 {
		t.Errorf("sent %d, failed %d, with no room", c.Tx, c.TxFailed)
	}
	if r.ports[0].flushes == 0 {
		t.Error("no flush before giving up")
	}
	r.ports[0].full, r.ports[0].refuse = false, 1
	r.run(sec)
	if tot := r.e.workers[0].Totals(); tot.Refused != 1 || tot.Tx != 1 {
		t.Errorf("sent %d, refused %d", tot.Tx, tot.Refused)
	}
}

// One flush a Step, however many packets.
func TestOneFlushPerStep(t *testing.T) {
	r := newRig(t, 1)
	for i := range 20 {
		r.add(p50, i)
	}
	r.step()
	r.ports[0].flushes = 0
	r.now += 100 * ms
	r.e.workers[0].Step(r.now)
	if len(r.ports[0].out) != 20 || r.ports[0].flushes != 1 {
		t.Errorf("%d packets in %d flushes", len(r.ports[0].out), r.ports[0].flushes)
	}
}

// Packets of one Step go by the port of their interface.
func TestPortOfInterface(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	e := r.add(p50, 2)
	second := new(port)
	onSecond := pathTo(2)
	onSecond.Ifindex = 2
	if err := r.e.SetPath(e, onSecond); err != nil { // before the port is there
		t.Fatal(err)
	}
	r.run(5 * ms)
	if got := r.ports[0].sent(t); len(got) != 1 || got[0].MyDiscr != d {
		t.Errorf("first port sent %v", got)
	}
	r.e.AttachPort(0, 2, second)
	r.run(5 * ms)
	if got := second.sent(t); len(got) != 1 || got[0].MyDiscr != e {
		t.Errorf("second port sent %v", got)
	}
	w := r.e.workers[0]
	if ports, _ := w.Ports(); len(ports) != 2 {
		t.Errorf("%d ports", len(ports))
	}
	_, gen := w.Ports()
	done := make(chan error, 1)
	go func() { done <- r.e.DetachPort(t.Context(), 0, 2) }()
	for len(done) == 0 {
		r.step()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if ports, now := w.Ports(); ports[1] != nil || now == gen {
		t.Errorf("detached port is still there: %v, generation %d then %d", ports[1], gen, now)
	}
	r.run(3 * sec)
	if len(second.out) != 0 || r.status(e).HasPath {
		t.Errorf("%d packets by a detached port, has path %v", len(second.out), r.status(e).HasPath)
	}
	again := new(port)
	r.e.AttachPort(0, 2, again)
	r.run(sec)
	if len(again.out) == 0 {
		t.Error("nothing sent by the port that came back")
	}
}

// P and F never reach the template, and each packet has what it must.
func TestPollAndFinal(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.hear(0, r.rx(1, control(1, packet.Down, 0)))
	r.ports[0].out = nil
	poll := control(1, packet.Up, d)
	poll.Poll = true
	r.hear(0, r.rx(1, poll)) // comes Up: our own Poll, and a Final
	r.run(60 * ms)
	var bits []string
	for _, s := range r.ports[0].sent(t) {
		b := ""
		if s.Poll {
			b += "P"
		}
		if s.Final {
			b += "F"
		}
		bits = append(bits, b)
	}
	if diff := cmp.Diff([]string{"P", "F", "P"}, bits); diff != "" {
		t.Errorf("bits (-want +got):\n%s", diff)
	}
	rows.Covers(t, "5880-6.8.7-05", "5880-6.8.7-25")
}

// The DSCP of a session is in its packets, and a new one in the next of them.
func TestDSCP(t *testing.T) {
	r := newRig(t, 1)
	d, err := r.e.Add(Spec{Params: p50, DSCP: 46})
	if err == nil {
		err = r.e.SetPath(d, pathTo(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.run(sec)
	if err := r.e.SetDSCP(d, 48); err != nil {
		t.Fatal(err)
	}
	r.run(sec)
	var got []byte
	for _, frame := range r.ports[0].out {
		got = append(got, frame[15]) // IPv4 type of service
	}
	if len(got) < 2 || got[0] != 46<<2 || got[len(got)-1] != 48<<2 {
		t.Errorf("type of service %v, want %d and then %d", got, 46<<2, 48<<2)
	}
	rows.Covers(t, "5882-6-01")
}

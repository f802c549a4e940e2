package session_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	us  = session.Microsecond
	ms  = session.Millisecond
	sec = session.Second

	localDiscr  = 0x1001
	testerDiscr = 0x7e57
)

// rig drives one session in virtual time against a scripted end, the tester,
// the way an engine does: it calls Expire at each Deadline, obeys each Outcome
// and keeps what was sent. It holds every packet against what any packet must be.
type rig struct {
	t   testing.TB
	s   session.Session
	rng *session.Rand
	now session.Time

	tester packet.Control       // what the tester says next
	answer bool                 // it answers Polls, unless silent
	wire   func(packet.Control) // where packets go besides the record, if anywhere

	sent   []frame
	moves  []move
	events []event
	talks  int  // counts talk and silence, so that an older talk stops
	silent bool // the tester neither talks nor answers

	onWire packet.Control // the last packet sent, P and F clear
	fresh  bool           // Content was raised since
}

// frame is one packet sent.
type frame struct {
	packet.Control
	at    session.Time
	extra bool // it left because of a change of content, not by the schedule
}

// move is one change of state.
type move struct {
	To   packet.State
	Diag packet.Diag
	At   session.Time
}

// event is one step of the script.
type event struct {
	at session.Time
	do func()
}

func newRig(t testing.TB, p session.Params) *rig {
	r := &rig{t: t, rng: rand.NewPCG(1, uint64(p.DesiredMinTx)), answer: true}
	r.s = session.New(p, localDiscr, 0, r.rng)
	r.tester = packet.Control{
		State: packet.Down, DetectMult: p.DetectMult, Length: packet.ControlLen, MyDiscr: testerDiscr,
		DesiredMinTx: p.DesiredMinTx, RequiredMinRx: p.RequiredMinRx,
	}
	r.onWire = r.body()
	return r
}

// params of a session that both sends and expects a packet every interval.
func params(interval int64, mult uint8) session.Params {
	return session.Params{DesiredMinTx: micros(interval), RequiredMinRx: micros(interval), DetectMult: mult}
}

// micros is a time in the unit of the wire.
func micros(ns int64) uint32 { return uint32(ns / us) }

// upRig is a session that is Up, its Polls ended, with the tester talking every
// interval; the record is empty.
func upRig(t testing.TB, interval int64, mult uint8) *rig {
	t.Helper()
	r := newRig(t, params(interval, mult))
	r.up(interval)
	return r
}

// up drives the handshake and lets the tester talk for a second.
func (r *rig) up(interval int64) {
	r.t.Helper()
	r.say(packet.Down)
	r.say(packet.Up)
	r.talk(interval)
	r.wait(max(sec, 4*interval))
	if r.s.State() != packet.Up || r.s.Polling() {
		r.t.Fatalf("after the handshake: state %v, polling %v; want up, not polling", r.s.State(), r.s.Polling())
	}
	r.clear()
}

// clear forgets what was recorded.
func (r *rig) clear() { r.sent, r.moves = nil, nil }

// clone is the same session in the same instant, with nothing recorded and no
// script: its tester is silent.
func (r *rig) clone(t testing.TB) *rig {
	c, rng := *r, *r.rng
	c.t, c.rng, c.events, c.wire, c.silent = t, &rng, nil, nil, true
	c.clear()
	return &c
}

// next is when something happens next.
func (r *rig) next() session.Time {
	at := r.s.Deadline()
	for _, e := range r.events {
		at = min(at, e.at)
	}
	return at
}

// step lets the next thing happen. What arrives at an instant is heard before
// silence is judged at that instant.
func (r *rig) step() {
	first := -1
	for i, e := range r.events {
		if e.at <= r.s.Deadline() && (first < 0 || e.at < r.events[first].at) {
			first = i
		}
	}
	if first >= 0 {
		e := r.events[first]
		r.events = slices.Delete(r.events, first, first+1)
		r.now = max(r.now, e.at)
		e.do()
		return
	}
	r.now = max(r.now, r.s.Deadline())
	demand, _ := r.s.Demand() // where a step of the check may need no packet
	out := r.s.Expire(r.now, true, r.rng)
	if out == 0 && !demand || r.s.Deadline() <= r.now {
		r.t.Fatalf("at %v: Expire at the deadline returned %b and set the next deadline to %v", r.now, out, r.s.Deadline())
	}
	r.note(out)
}

// wait runs for d.
func (r *rig) wait(d int64) { together(r.now+session.Time(d), r) }

// together runs rigs on one clock until an instant.
func together(until session.Time, rigs ...*rig) {
	for {
		r := rigs[0]
		for _, o := range rigs[1:] {
			if o.next() < r.next() {
				r = o
			}
		}
		if r.next() > until {
			break
		}
		r.step()
	}
	for _, r := range rigs {
		r.now = until
	}
}

// join makes two rigs each other's peers over a link that takes delay and loses
// what lost says.
func join(a, b *rig, delay int64, lost func() bool) {
	for _, way := range [][2]*rig{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		from.wire = func(c packet.Control) {
			if !lost() {
				to.at(from.now+session.Time(delay), func() { to.hear(c) })
			}
		}
	}
}

// at puts a step into the script.
func (r *rig) at(when session.Time, do func()) { r.events = append(r.events, event{when, do}) }

// hear delivers a packet now.
func (r *rig) hear(c packet.Control) {
	r.note(r.s.Receive(r.now, r.now, &c, r.rng))
}

// say has the tester go to a state and send one packet.
func (r *rig) say(st packet.State) {
	r.tester.State, r.tester.YourDiscr = st, localDiscr
	r.hear(r.tester)
}

// sayFinal has the tester answer a Poll.
func (r *rig) sayFinal() {
	c := r.tester
	c.Final = true
	r.hear(c)
}

// sayPoll has the tester send one packet with P set.
func (r *rig) sayPoll() {
	c := r.tester
	c.Poll = true
	r.hear(c)
}

// talk has the tester send what it then has to say every so often, beginning
// one interval from now.
func (r *rig) talk(every int64) {
	r.silence()
	r.silent = false
	mine := r.talks
	var tick func()
	tick = func() {
		if mine == r.talks {
			r.hear(r.tester)
			r.at(r.now+session.Time(every), tick)
		}
	}
	r.at(r.now+session.Time(every), tick)
}

// silence ends talk, and answers.
func (r *rig) silence() {
	r.talks++
	r.silent = true
}

// quiet ends talk, but not answers: what a peer does that is asked for silence.
func (r *rig) quiet() {
	r.silence()
	r.silent = false
}

func (r *rig) configure(p session.Params) session.Outcome {
	out := r.s.Configure(r.now, p, r.rng)
	r.note(out)
	return out
}

func (r *rig) admin(down bool, d packet.Diag) {
	r.note(r.s.Admin(r.now, down, d, r.rng))
}

// note does what an Outcome asks for.
func (r *rig) note(out session.Outcome) {
	if out&session.Changed != 0 {
		r.moves = append(r.moves, move{r.s.State(), r.s.Diag(), r.now})
	}
	if out&session.Content != 0 {
		r.fresh = true
	}
	var c packet.Control
	r.s.Control(&c)
	if out&session.Send != 0 {
		r.emit(c, out&session.Content != 0)
	}
	if out&session.SendFinal != 0 {
		c.Poll, c.Final = false, true
		r.emit(c, false)
	}
}

// emit checks one packet as bytes and records it.
func (r *rig) emit(c packet.Control, extra bool) {
	var b [packet.ControlLen]byte
	c.Put(b[:])
	var back packet.Control
	if drop := back.Decode(b[:]); drop != packet.DropNone || back != c {
		r.t.Fatalf("packet %x decodes to %v: %s", b, drop, cmp.Diff(c, back))
	}
	if c.Poll && c.Final || c.Multipoint || c.DesiredMinTx == 0 {
		r.t.Fatalf("at %v: no packet may look like this: %+v", r.now, c)
	}
	body := r.body()
	if body != r.onWire && !r.fresh {
		r.t.Fatalf("at %v: the packet changed and no Content said so: %s", r.now, cmp.Diff(r.onWire, body))
	}
	r.onWire, r.fresh = body, false
	r.sent = append(r.sent, frame{c, r.now, extra})
	if r.wire != nil {
		r.wire(c)
	}
	if c.Poll && r.answer && !r.silent && r.wire == nil {
		r.at(r.now, r.sayFinal)
	}
}

package routes

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// Verb is what an Op does.
type Verb uint8

// The verbs.
const (
	Add     Verb = iota // fails with EEXIST where anything stands, whoever's it is
	Replace             // fails with ENOENT where nothing stands
	Remove              // of ours; fails with ESRCH or EADDRNOTAVAIL where nothing of ours stands
	behind              // added behind whatever stands there; never planned
)

// String returns "added", "changed" or "removed".
func (v Verb) String() string { return [3]string{"added", "changed", "removed"}[v%3] }

// Op is one change to the kernel. Object belongs to the Table.
type Op struct {
	Verb   Verb
	Object *Object
	Err    error // what became of it, for Done

	seat
	stray int // index in Table.orphans, for what has no seat
}

// Change is one that was made.
type Change struct {
	Verb   Verb
	Object Object // as it is now; of one that was removed, as it was
	Cause  Told   // the session that it was for; the zero Told if for none
	At     session.Time
}

// How long a failed change waits until it is tried again: twice as long each time.
const (
	firstRetry = session.Time(100 * session.Millisecond)
	lastRetry  = session.Time(30 * session.Second)
)

func backoff(tries int) session.Time { return min(firstRetry<<min(tries-1, 20), lastRetry) }

// Plan returns what is to be done to the kernel, in this order. Once it is, call
// Done, and Plan again until there is nothing left. The slice is used again.
func (t *Table) Plan(now session.Time) []Op {
	t.ops, t.wants = t.ops[:0], t.wants[:0]
	if !t.met {
		return nil
	}
	for _, it := range t.dirty {
		it.queued = false
		if t.frozen && !it.Withdraw || it.err != nil && now < it.retryAt {
			continue
		}
		t.plan(it)
	}
	t.dirty = t.dirty[:0]
	for i := range t.orphans {
		if o := &t.orphans[i]; now >= o.retryAt {
			t.op(Remove, &o.obj, seat{}, i)
		}
	}
	return t.ops
}

// plan adds what an item needs. What is to come goes before what is to go, so that
// there is no gap; and a raised metric stays until the route has its own again.
func (t *Table) plan(it *item) {
	if !t.frozen && it.waits() {
		it.err, it.tries = nil, 0 // it is tried when the group is there
		return
	}
	var wanted [2]bool
	for slot := range it.has {
		obj := t.scratch()
		wanted[slot] = !t.frozen && it.want(slot, obj)
		switch has := &it.has[slot]; {
		case !wanted[slot]:
		case !has.is:
			t.op(Add, obj, seat{it, slot}, -1)
		case !has.obj.same(obj):
			t.op(Replace, obj, seat{it, slot}, -1)
		default:
			it.err, it.tries = nil, 0
		}
	}
	for slot := range it.has {
		if it.has[slot].is && !wanted[slot] && (slot == plain || it.has[plain].is || !wanted[plain]) {
			t.op(Remove, &it.has[slot].obj, seat{it, slot}, -1)
		}
	}
	if wanted == [2]bool{} && !it.has[plain].is && !it.has[raised].is {
		it.err, it.tries = nil, 0 // nothing is wanted, and nothing there
	}
}

// scratch returns an Object to write to, whose memory may have served before.
func (t *Table) scratch() *Object {
	if len(t.wants) < cap(t.wants) {
		t.wants = t.wants[:len(t.wants)+1]
	} else {
		// Objects that ops point to must not move, so the old array stays theirs.
		t.wants = append(make([]Object, 0, max(64, 2*cap(t.wants))), Object{})
	}
	return &t.wants[len(t.wants)-1]
}

func (t *Table) op(v Verb, o *Object, s seat, stray int) {
	t.ops = append(t.ops, Op{Verb: v, Object: o, seat: s, stray: stray})
}

// Done takes in what became of a Plan.
func (t *Table) Done(ops []Op, now session.Time) {
	for i := range ops {
		if op := &ops[i]; op.of == nil {
			t.buried(op, now)
		} else {
			t.done(op, now)
		}
	}
	t.orphans = keep(t.orphans)
}

func (t *Table) done(op *Op, now session.Time) {
	it, has := op.of, &op.of.has[op.slot]
	switch {
	case op.Err == nil, op.Verb == Remove && isGone(op.Err):
		// What was not there any more has gone as well.
	case op.Verb == Replace && errors.Is(op.Err, unix.ENOENT):
		has.is = false // planned again, as one to add
		t.take(it, false)
		t.mark(it)
		return
	default:
		it.tries++
		it.err, it.retryAt = op.Err, now+backoff(it.tries)
		t.errors++
		if it.ID != 0 {
			t.mark(it)
		}
		return
	}
	if op.Verb != Remove { // a removal beside it makes no failed addition good
		if it.tries > 0 {
			t.retries++
		}
		it.err, it.tries = nil, 0
		if it.gone != 0 {
			it.gone = now // from here on it has to stay
		}
	}
	it.changes++
	t.made++
	t.changes = append(t.changes, Change{Verb: op.Verb, Object: op.Object.clone(), Cause: it.cause})
	if has.is = op.Verb != Remove; has.is {
		has.obj.Source, has.obj.Group, has.obj.Hops = op.Object.Source, op.Object.Group, append(has.obj.Hops[:0], op.Object.Hops...)
	}
	t.mark(it) // there may be a second step
	t.take(it, has.is)
}

// buried takes in what became of something that nobody asks for.
func (t *Table) buried(op *Op, now session.Time) {
	o := &t.orphans[op.stray]
	if op.Err == nil || isGone(op.Err) {
		t.made++
		t.changes = append(t.changes, Change{Verb: Remove, Object: op.Object.clone()})
		o.tries = -1
		return
	}
	t.errors++
	o.tries++
	o.retryAt = now + backoff(o.tries)
}

// keep returns the strays that are not gone.
func keep(list []stray) []stray {
	left := list[:0]
	for _, o := range list {
		if o.tries >= 0 {
			left = append(left, o)
		}
	}
	return left
}

func (o *Object) clone() Object {
	c := *o
	c.Hops = append([]Hop(nil), o.Hops...)
	return c
}

// Take returns the changes that were made since the last call.
func (t *Table) Take() []Change {
	list := t.changes
	t.changes = nil
	return list
}

// calm is how long a route that somebody else has removed has to stay until its
// removal is forgotten.
const calm = session.Time(10 * session.Second)

// robbed notes that something of ours was removed by somebody else. It is put back
// at once, but not in a row: whoever removes it may mean it.
func (it *item) robbed(now session.Time) {
	if it.gone != 0 && now-it.gone < calm {
		it.lost++
		it.tries = max(it.tries, it.lost)
		it.err, it.retryAt = errRobbed, now+backoff(it.lost)
	} else {
		it.lost = 0
	}
	it.gone = max(now, 1)
	it.cause = Told{}
}

var errRobbed = errors.New("somebody else removes it again and again: find out who, or remove it from the file")

// After returns how long after the change of its session it was made; 0 where that is
// not known.
func (c *Change) After() time.Duration {
	if c.Cause.At == 0 {
		return 0
	}
	return time.Duration(c.At - c.Cause.At)
}

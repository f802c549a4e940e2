package engine

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
	"github.com/xbfd/xbfd/timerwheel"
)

const (
	rxBatch     = 64  // datagrams per call of Port.Receive
	rxBatches   = 4   // such calls per port and Step
	expireBatch = 256 // sessions whose deadline is handled per Step
)

// Worker runs the sessions it owns. Step, Ports and everything below them are
// called by one goroutine only, the one that drives it.
type Worker struct {
	engine *Engine
	index  uint32
	alone  bool // no other worker hands anything over
	rng    rand.PCG
	wheel  *timerwheel.Wheel

	slots     []slot
	newest    []session.Time // by slot, arrival of the latest packet received; nil for a worker that is alone
	templates []packet.Template
	discards  []discarded
	paths     paths
	drops     Discards
	keys      []authKey
	echoes    []echo
	echoFree  []uint32 // entries of echoes to use again, counted from 1
	recorder  *flight.Recorder
	taps      []tap
	cleared   map[uint32]*tally // by slot; those that were cleared

	ports   []Port // positions stay; a detached port leaves nil
	portIf  []int32
	queued  []int           // frames committed to a port and not flushed
	grids   []grid          // of the ports
	proven  []bool          // ports by which frames were seen to come in and go out whole
	quiet   []bool          // ports by which no Echo goes, because they are about to change
	vrfs    map[int32]int32 // the interfaces that are in one
	portGen uint64
	loss    losses

	mail  mailbox
	out   outbox
	from  [MaxWorkers]*handoff     // frames for us, by the worker that received them
	rouse uint32                   // workers to wake: they got frames of ours, or keep us waiting; a bit each
	past  [MaxWorkers]session.Time // before this, we have seen every packet that worker received

	rx, tx    uint64       // packets accepted and sent, of all sessions there ever were
	refused   uint64       // frames that the kernel did not take at a flush
	nextStart session.Time // when the last session that began to send did so
	horizon   session.Time // every packet that arrived before it has been seen
	published atomic.Int64 // horizon, for the other workers to read
	promised  session.Time // when the last Step asked to be called again
	stalledAt session.Time // end of the last stall
	stall     session.Time // its length
	maxStall  session.Time
	stalls    uint64
	untold    session.Time // the longest stall that was not told yet; 0: none
	toldAt    session.Time // when the last one was, if told
	told      bool
	batch     [rxBatch]Rx
	fire      [expireBatch]uint32
	handed    Rx
}

// Discards counts discarded packets by packet.Drop. Of one session it counts to
// 2^32-1 at most.
type Discards [packet.NumDrops]uint64

// discarded are the Discards of a session in half the memory: most have none.
type discarded [packet.NumDrops]uint32

func (d *discarded) sum() (all Discards) {
	for i, n := range d {
		all[i] = uint64(n)
	}
	return all
}

func newWorker(e *Engine, index int, record flight.Options) *Worker {
	w := &Worker{
		engine:   e,
		index:    uint32(index),
		alone:    len(e.loads) == 1,
		rng:      *rand.NewPCG(e.seed.Uint64(), e.seed.Uint64()),
		wheel:    timerwheel.New(0, 0),
		paths:    newPaths(),
		vrfs:     make(map[int32]int32),
		cleared:  make(map[uint32]*tally),
		promised: session.Never,
		// The first session must not wait for a start before time began.
		nextStart: -session.Never,
	}
	w.out.notify = e.notify
	w.recorder = flight.New(record, e.echoKey.A^e.echoKey.B)
	return w
}

// Step does everything there is to do at now and returns the next instant at
// which there will be something, session.Never if only a command or a packet
// can make some. An instant not after now asks to be called again at once.
//
// The order is fixed: commands, then packets, and only then timers. A loop that
// comes late must see the packets that wait for it before it believes that a
// peer was silent (RFC 5880 §6.8.4).
func (w *Worker) Step(now session.Time) session.Time {
	w.noteStall(now)
	w.sampleLosses(now)
	if w.engine.insurance {
		w.engine.lanes.Beat(int64(now))
	}
	again := w.mail.run(w, now)
	drained := w.receive(now)
	more := w.expire(now)
	w.flush()
	published := w.out.publish()

	w.promised = session.Time(w.wheel.Next())
	switch {
	case again || more || !drained:
		w.promised = now
	case !published:
		w.promised = min(w.promised, now+session.Time(session.Millisecond))
	}
	return w.promised
}

// Ports returns the ports this worker serves, nil at positions that are free,
// and a generation that changes with them.
func (w *Worker) Ports() ([]Port, uint64) { return w.ports, w.portGen }

// expire handles the sessions whose deadline has come and reports whether some
// had to be left for the next Step.
func (w *Worker) expire(now session.Time) (more bool) {
	n := w.wheel.Advance(int64(now), w.fire[:])
	for _, i := range w.fire[:n] {
		w.expireSlot(i, now)
	}
	w.wakeOthers()
	return n == len(w.fire)
}

func (w *Worker) expireSlot(i uint32, now session.Time) {
	sl := &w.slots[i]
	if sl.removal && now >= sl.freeAt {
		w.free(i)
		return
	}
	retry := sl.echo != 0 && w.expireEcho(i, now)
	s := &sl.session
	w.listen(sl)
	due := s.DetectDeadline()
	seen := due <= w.horizon // else the next Step, which follows at once, sees more
	from := w.judgeFrom(s.LastRx(), s.DetectionTime(), due)
	judge := seen && now >= from && w.othersPast(due, from, now)
	before := w.evidenceOf(i)
	w.apply(i, s.Expire(now, judge, &w.rng), now, before)
	if retry || seen && !judge && now >= due {
		w.wheel.Arm(i, int64(now+unjudgedRetry))
	}
}

// Another worker may hold packets of this worker's sessions that it has not
// handed over yet. Before silence is believed it gets a short time to say that
// it has none from before the deadline.
const (
	unjudgedRetry = session.Time(200 * session.Microsecond)
	unjudgedMax   = session.Time(5 * session.Millisecond)
)

func (w *Worker) othersPast(due, from, now session.Time) bool {
	if now < due || now >= from+unjudgedMax {
		return true
	}
	past := true
	for _, o := range w.engine.workers {
		if o != w && w.past[o.index] < due {
			w.rouse |= 1 << o.index
			past = false
		}
	}
	return past
}

func (w *Worker) slotOf(discr uint32) uint32 {
	_, i := w.engine.key.find(discr)
	return i
}

// lookup returns the slot of one of this worker's discriminators.
func (w *Worker) lookup(discr uint32) (uint32, bool) {
	i := w.slotOf(discr)
	if int(i) >= len(w.slots) || !w.slots[i].used || w.slots[i].session.LocalDiscr() != discr {
		return 0, false
	}
	return i, true
}

// rearm puts the session's earliest timeout, and only that, into the wheel.
func (w *Worker) rearm(i uint32) {
	sl := &w.slots[i]
	d := sl.session.Deadline()
	if sl.echo != 0 {
		d = min(d, w.echoes[sl.echo-1].Deadline())
	}
	if sl.removal {
		d = min(d, sl.freeAt)
	}
	if d == session.Never {
		w.wheel.Disarm(i)
		return
	}
	w.wheel.Arm(i, int64(d))
}

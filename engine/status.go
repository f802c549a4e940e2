package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Status is a session as it stood at one instant. Intervals are microseconds
// unless they say otherwise.
type Status struct {
	At      session.Time
	Discr   uint32
	Removal bool // AdminDown is being held before it goes

	Params  session.Params
	State   packet.State
	Diag    packet.Diag
	Remote  session.Remote
	Polling bool
	// PollQueued says that another Poll follows the running one.
	PollQueued bool
	LastRx     session.Time // no meaning before the first packet

	AdvertisedMinTx uint32 // what our packets say now: a second or more unless Up
	AdvertisedMinRx uint32
	TxInterval      uint32 // negotiated; 0 when the peer wants no periodic packets
	DetectionTime   int64  // ns

	SourcePort uint16
	DSCP       uint8
	MinTTL     uint8 // multihop
	Strict     bool
	Auth       AuthStatus
	Echo       EchoStatus
	Heard      HeardState
	RxHeard    uint64 // packets that the XDP program heard, beside Counters.Rx
	Insured    bool   // the kernel answers while the worker stands still
	Answered   uint64 // packets that it has answered
	Margin     Margin
	Demand     DemandStatus
	Slowed     uint8       // how often congestion has doubled the intervals
	PeerSource packet.Addr // the source of the last packet, where it was not Path.Peer
	HasPath    bool
	Path       Path
	Change     Change
	Counters   Counters
	Discards   Discards
}

// status fills st from a slot in use.
func (w *Worker) status(i uint32, now session.Time, st *Status) {
	sl := &w.slots[i]
	s := &sl.session
	var c packet.Control
	s.Control(&c)
	local, remote := s.Demand()
	w.listen(sl)
	heard, answered := w.laneCounts(sl)
	*st = Status{
		At: now, Discr: s.LocalDiscr(), Removal: sl.removal,
		Params: s.Params(), State: s.State(), Diag: s.Diag(), Remote: s.Remote(), Polling: s.Polling(), PollQueued: s.PollQueued(),
		LastRx: s.LastRx(), AdvertisedMinTx: c.DesiredMinTx, AdvertisedMinRx: c.RequiredMinRx,
		TxInterval: s.TxInterval(), DetectionTime: s.DetectionTime(),
		SourcePort: sl.srcPort, DSCP: sl.dscp, MinTTL: sl.minTTL, Strict: sl.strict,
		Auth: w.authStatus(sl), Echo: w.echoStatus(i), Slowed: s.Slowed(), PeerSource: sl.otherSrc,
		Heard: w.heardState(sl), RxHeard: heard, Insured: sl.insured, Answered: answered, Margin: sl.margin,
		HasPath: sl.port >= 0, Path: sl.path,
		Change: sl.change, Counters: sl.count, Discards: w.discards[i].sum(),
		Demand: DemandStatus{Local: local, Remote: remote, Bound: s.DemandBound()},
	}
	w.sinceCleared(i, st)
}

// Status returns one session. It is for the goroutine that drives the worker.
func (w *Worker) Status(discr uint32, now session.Time) (st Status, ok bool) {
	i, ok := w.lookup(discr)
	if ok {
		w.status(i, now, &st)
	}
	return st, ok
}

// Status returns one session as its worker sees it.
func (e *Engine) Status(ctx context.Context, discr uint32) (st Status, err error) {
	var worker int
	e.mu.Lock()
	if r := e.sessions[discr]; r != nil {
		worker = r.worker
	} else {
		err = fmt.Errorf("session %#08x: %w", discr, ErrUnknown)
	}
	e.mu.Unlock()
	if err != nil {
		return st, err
	}
	ok := false
	reply := new(Status)
	if err := e.do(ctx, worker, func(w *Worker, now session.Time) { *reply, ok = w.Status(discr, now) }); err != nil {
		return st, err
	}
	if !ok {
		return st, fmt.Errorf("session %#08x: %w", discr, ErrUnknown)
	}
	return *reply, nil
}

// StatusesOf fills buf with the sessions that discrs name, in their order; what is
// no session any more stays zero. buf is as long as discrs, which should be no more
// than some dozens: a worker copies its share between two looks at its packets.
// After an error a worker may still write to buf.
func (e *Engine) StatusesOf(ctx context.Context, discrs []uint32, buf []Status) error {
	clear(buf)
	for worker := range e.workers {
		mine := func(d uint32) bool { return e.WorkerOf(d) == worker }
		if !slices.ContainsFunc(discrs, mine) {
			continue
		}
		err := e.do(ctx, worker, func(w *Worker, now session.Time) {
			for i, d := range discrs {
				if at, ok := w.lookup(d); ok && mine(d) {
					w.status(at, now, &buf[i])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// statusChunk is how many sessions a worker copies between two looks at its
// packets.
const statusChunk = 64

// EachStatus calls fn with all sessions, one after the other. What fn gets is its
// own until it returns.
func (e *Engine) EachStatus(ctx context.Context, fn func(*Status)) error {
	chunk := make([]Status, 0, statusChunk)
	for worker := range e.workers {
		for from, more := 0, true; more; from += statusChunk {
			chunk = chunk[:0]
			err := e.do(ctx, worker, func(w *Worker, now session.Time) {
				for i := from; i < min(from+statusChunk, len(w.slots)); i++ {
					if w.slots[i].used {
						chunk = chunk[:len(chunk)+1]
						w.status(uint32(i), now, &chunk[len(chunk)-1])
					}
				}
				more = from+statusChunk < len(w.slots)
			})
			if err != nil {
				return err // and the chunk is left to the worker, which may still write to it
			}
			for i := range chunk {
				fn(&chunk[i])
			}
		}
	}
	return nil
}

// Statuses appends all sessions to buf.
func (e *Engine) Statuses(ctx context.Context, buf []Status) ([]Status, error) {
	err := e.EachStatus(ctx, func(st *Status) { buf = append(buf, *st) })
	return buf, err
}

// Totals are the workers' counters. They outlive the sessions, and every
// datagram received is either in Rx or in Drops.
type Totals struct {
	Rx       uint64   // packets accepted
	Tx       uint64   // packets sent
	Drops    Discards // every discarded packet, those of sessions included
	Refused  uint64   // frames the kernel did not take
	Stalls   uint64   // times a worker was called a millisecond or more late
	MaxStall int64    // ns
}

// Totals returns the counters of all workers together.
func (e *Engine) Totals(ctx context.Context) (Totals, error) {
	each, err := e.WorkerTotals(ctx)
	return *Sum(each), err
}

// Sum adds up the counters of workers.
func Sum(each []Totals) *Totals {
	sum := new(Totals)
	for i := range each {
		t := &each[i]
		sum.Rx += t.Rx
		sum.Tx += t.Tx
		for d := range t.Drops {
			sum.Drops[d] += t.Drops[d]
		}
		sum.Refused += t.Refused
		sum.Stalls += t.Stalls
		sum.MaxStall = max(sum.MaxStall, t.MaxStall)
	}
	return sum
}

// WorkerTotals returns the counters of each worker.
func (e *Engine) WorkerTotals(ctx context.Context) ([]Totals, error) {
	each := make([]Totals, len(e.workers))
	for i := range each {
		t := new(Totals) // the worker's own, should ctx end first
		if err := e.do(ctx, i, func(w *Worker, _ session.Time) { *t = w.totals() }); err != nil {
			return nil, err
		}
		each[i] = *t
	}
	return each, nil
}

func (w *Worker) totals() Totals {
	return Totals{Rx: w.rx, Tx: w.tx, Drops: w.drops, Refused: w.refused, Stalls: w.stalls, MaxStall: int64(w.maxStall)}
}

// Totals returns this worker's counters. It is for the goroutine that drives it.
func (w *Worker) Totals() Totals { return w.totals() }

package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
)

// Host is a machine with an engine, its NICs and one thread per worker.
type Host struct {
	Engine  *engine.Engine
	Late    func() session.Time // how late a thread wakes up, drawn each time; nil: on time
	OnEvent func(*engine.Event) // gets every event that is read, unless nil
	NICs    []*NIC

	world   *World
	name    string
	threads []*thread
	watch   *Watch

	lanes   *fastpath.Lanes // that its XDP program plays from; nil: it hears nothing
	insured bool

	keys map[uint32]credential // the pool

	// What the watch counts: Echo that was sent, its own and others'; others'
	// that was looped; its own that came back; and others' that may be looped.
	echoFrames, looped, returned uint64
	toLoop                       map[string]int

	asleep bool // whoever reads the events
	events []engine.Event
}

// NewHost returns a host whose engine has the given number of workers.
func (w *World) NewHost(name string, workers int) *Host {
	return w.NewHostOf(name, engine.Config{Workers: workers})
}

// NewHostOf returns a host whose engine is made by c. Its seed is the world's,
// and it wakes the host's threads, whatever c says of those. Its NICs hear what
// the Lanes of c expect.
func (w *World) NewHostOf(name string, c engine.Config) *Host {
	h := &Host{
		world: w, name: name, lanes: c.Lanes, insured: c.Insurance,
		keys: make(map[uint32]credential), toLoop: make(map[string]int),
	}
	if c.Record == (flight.Options{}) {
		c.Record = flight.Options{Frames: 4, Pool: 32} // fewer than there are sessions: they have to give up some
	}
	c.Seed, c.Wake = w.dice.Uint64(), func(i int) { h.threads[i].kick() }
	e, err := engine.New(c)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err)) // a scenario asked for what cannot be
	}
	h.Engine = e
	for i, worker := range e.Workers() {
		h.threads = append(h.threads, &thread{
			host: h, worker: worker, index: i, name: fmt.Sprintf("%s/%d", name, i),
			due: session.Never, promised: session.Never,
		})
	}
	return h
}

// Plug connects the host to one side of a link: what it sends goes into out,
// what comes out of in is its own.
func (h *Host) Plug(ifindex int32, out, in *Wire) *NIC {
	n := &NIC{Ifindex: ifindex, RingCap: defaultRing, host: h, out: out}
	in.far = n
	for i, t := range h.threads {
		q := &queue{nic: n, thread: t}
		n.queues = append(n.queues, q)
		h.Engine.AttachPort(i, ifindex, q)
	}
	h.NICs = append(h.NICs, n)
	return n
}

// Stall keeps every thread of the host from running for d.
func (h *Host) Stall(d session.Time) {
	for _, t := range h.threads {
		t.stall(d)
	}
}

// StallWorker keeps one thread from running for d.
func (h *Host) StallWorker(i int, d session.Time) { h.threads[i].stall(d) }

// Sleep keeps the reader of the events from reading for d.
func (h *Host) Sleep(d session.Time) {
	h.asleep = true
	h.world.After(d, func() {
		h.asleep = false
		h.read()
	})
}

// read takes the events that are there.
func (h *Host) read() {
	if h.asleep {
		return
	}
	select {
	case <-h.Engine.Notify():
		h.events = h.Engine.TakeEvents(h.events[:0])
		for i := range h.events {
			h.watch.event(h, &h.events[i])
			if h.OnEvent != nil {
				h.OnEvent(&h.events[i])
			}
		}
	default:
	}
}

// Status returns a session as it stands.
func (h *Host) Status(discr uint32) (engine.Status, bool) {
	for _, t := range h.threads {
		if st, ok := t.worker.Status(discr, h.world.now); ok {
			return st, true
		}
	}
	return engine.Status{}, false
}

// Totals returns the sum of the workers' counters.
func (h *Host) Totals() engine.Totals {
	var sum engine.Totals
	for _, t := range h.threads {
		one := t.worker.Totals()
		sum.Rx += one.Rx
		sum.Tx += one.Tx
		sum.Refused += one.Refused
		for d, n := range one.Drops {
			sum.Drops[d] += n
		}
	}
	return sum
}

package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// What is known of the delivery of live frames. The kernel tells the caller
// nothing of what the driver made of them: on veth all are lost, in silence,
// while the far end has no native XDP program.
type trust = uint32

const (
	resting trust = iota // none may go as live frames, until the next trial
	untried              // one trial of few may be made
	trying               // a worker is at it
	tried                // the frames of the trial are sent, and not judged
	trusted              // all may go
	gone                 // none will: the interface is no more
)

const (
	proofPeriod = 100 * time.Millisecond // between two looks at the driver's counter
	trialFrames = 64                     // at risk in a trial, of as many sessions

	// From opening, or a fault, to the next trial; each that fails doubles it. A
	// second lets the far end and the sessions come up first.
	firstRest = time.Second
	lastRest  = time.Minute

	// A call that takes so long was held up by the kernel, which lets none go on
	// while an XDP program is attached or detached anywhere on the host (x86).
	stallTime = 5 * time.Millisecond
)

// proof compares how many live frames were sent with how many the driver
// counts. It is shared by the ports of an interface; a goroutine of its own
// does the comparing.
//
// It proves that the driver took the frames: on veth, that the far end's ring
// did. It does not prove that they were received; and other programs' frames,
// redirected to the same interface at the same time, hide as many lost ones.
type proof struct {
	state atomic.Uint32
	begun atomic.Uint64 // sent, and those that are being sent
	sent  atomic.Uint64 // handed to the interface by all ports
	lost  atomic.Uint64 // of these, not counted by the driver; once known never less

	count   func() (n uint64, ok bool) // the driver's counter; nil: it has none
	last    uint64                     // what it was
	counted uint64                     // by it, since the start
	checked uint64                     // sent as of the last look
	stalled uint64                     // stalls as of then

	held   time.Duration          // a call that takes longer was held up
	rest   atomic.Int64           // ns, between a fault and the next trial
	fault  atomic.Pointer[string] // the last, for people
	stalls atomic.Uint64          // calls that were held up

	stop chan struct{}
	done sync.WaitGroup
}

// newProof begins with a rest; with trusted where the driver has no counter.
func newProof(count func() (uint64, bool)) *proof {
	p := &proof{count: count, held: stallTime, stop: make(chan struct{})}
	p.rest.Store(int64(firstRest))
	var ok bool
	if p.last, ok = count(); !ok {
		p.state.Store(trusted)
		p.count = nil
	}
	return p
}

// begin returns how many of n frames may go as live frames. If that is any, the
// caller sends them and calls handed.
func (p *proof) begin(n int) int {
	switch p.state.Load() {
	case trusted:
	case untried:
		if !p.state.CompareAndSwap(untried, trying) {
			return 0
		}
		n = min(n, trialFrames)
	default:
		return 0
	}
	p.begun.Add(uint64(n))
	return n
}

// handed tells how many went of those that begin has allowed, how many could not
// be handed to the interface, and how long the call took.
func (p *proof) handed(allowed, n, refused int, took time.Duration) {
	p.sent.Add(uint64(n))
	p.begun.Add(uint64(n) - uint64(allowed))
	if took > p.held {
		p.stalls.Add(1)
	}
	if refused > 0 {
		p.state.Store(gone)
		return
	}
	p.state.CompareAndSwap(trying, tried)
}

// run looks at the counter until close.
func (p *proof) run() {
	p.done.Go(func() {
		ticks := time.NewTicker(proofPeriod)
		defer ticks.Stop()
		var rested time.Duration
		for {
			select {
			case <-p.stop:
				return
			case <-ticks.C:
			}
			if p.state.Load() != resting {
				p.check()
				rested = 0
			} else if rested += proofPeriod; rested >= time.Duration(p.rest.Load()) {
				p.look() // at what was on its way when the rest began
				p.state.CompareAndSwap(resting, untried)
			}
		}
	})
}

// check judges the frames since the last look. All of a trial must be there;
// later a full ring now and then is no reason to stop, half of all lost is. So is
// a call that was held up: more programs may be about to change.
func (p *proof) check() {
	state := p.state.Load() // first: tried means that its frames are among those sent
	if state != tried && state != trusted {
		return
	}
	stalls := p.stalls.Load()
	lost, of, ok := p.look()
	switch {
	case !ok: // the interface is gone, which the ports will find
	case state == tried && of == 0:
		p.relax(state, "the kernel took no live frames")
	case state == tried && lost > 0, 2*lost > of:
		p.relax(state, fmt.Sprintf("%d of %d live frames were lost (has the far end a native XDP program?)", lost, of))
	case stalls > p.stalled:
		p.stalled = stalls
		p.relax(state, "the kernel held a call with live frames up: XDP programs come or go on this host")
	case state == tried:
		p.rest.Store(int64(firstRest))
		p.state.CompareAndSwap(tried, trusted)
	}
}

// relax leaves all to the ring for a while, the longer the more trials have failed.
func (p *proof) relax(from trust, fault string) {
	p.fault.Store(&fault)
	if from == tried {
		p.rest.Store(min(2*p.rest.Load(), int64(lastRest)))
	}
	p.state.CompareAndSwap(from, resting)
}

// look returns how many frames were sent since the last look, and how many more
// are lost.
func (p *proof) look() (lost, of uint64, ok bool) {
	sent := p.sent.Load() // before the driver's: what goes meanwhile must not look lost
	of, p.checked = sent-p.checked, sent
	if p.count == nil {
		return 0, of, true
	}
	n, ok := p.count()
	if !ok {
		return 0, of, false
	}
	if n < p.last { // it began anew
		p.last = 0
	}
	// Of others' frames none may stand for later ones of ours.
	p.counted = min(p.counted+n-p.last, p.begun.Load()-p.lost.Load())
	p.last = n
	if before := p.lost.Load(); sent > p.counted+before {
		lost = sent - p.counted - before
		p.lost.Store(before + lost)
	}
	return lost, of, true
}

// reason says for people what is known.
func (p *proof) reason() string {
	switch p.state.Load() {
	case trusted:
		if p.count == nil {
			return "as configured; the driver does not count them, so a loss would not be seen"
		}
		return "the driver counts them as sent"
	case resting:
		rest := time.Duration(p.rest.Load())
		if fault := p.fault.Load(); fault != nil {
			return fmt.Sprintf("%s; they are tried again after %v", *fault, rest)
		}
		return fmt.Sprintf("live frames are tried %v after opening", rest)
	case gone:
		return "the interface takes no live frames any more"
	}
	return "live frames are on trial"
}

func (p *proof) close() {
	close(p.stop)
	p.done.Wait()
}

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
	untried trust = iota // one trial of few frames may be made
	trying               // a worker is at it
	tried                // the frames of the trial are sent, and not judged
	trusted              // all may go as live frames
	failed               // none may, until the next trial
	gone                 // none will: the interface is no more
)

const (
	proofPeriod = 100 * time.Millisecond // between two looks at the driver's counter
	proofRest   = 10 * time.Second       // from a loss to the next trial
	trialFrames = 64                     // at risk in a trial, of as many sessions
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
	rest    time.Duration              // between trials

	failedOut, failedOf atomic.Uint64 // lost and sent in the period that failed

	stop chan struct{}
	done sync.WaitGroup
}

// newProof begins with a trial; with trusted where the driver has no counter.
func newProof(count func() (uint64, bool)) *proof {
	p := &proof{count: count, rest: proofRest, stop: make(chan struct{})}
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

// handed tells how many went of those that begin has allowed, and how many could
// not be handed to the interface.
func (p *proof) handed(allowed, n, refused int) {
	p.sent.Add(uint64(n))
	p.begun.Add(uint64(n) - uint64(allowed))
	if refused > 0 {
		p.state.Store(gone)
		return
	}
	p.state.CompareAndSwap(trying, tried)
}

// run looks at the counter until close.
func (p *proof) run() {
	if p.count == nil {
		return
	}
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
			if p.state.Load() != failed {
				p.check()
				rested = 0
			} else if rested += proofPeriod; rested >= p.rest {
				p.look() // at what was on its way when the last trial was judged
				p.state.CompareAndSwap(failed, untried)
			}
		}
	})
}

// check judges the frames since the last look. All of a trial must be there;
// later a full ring now and then is no reason to stop, half of all lost is.
func (p *proof) check() {
	state := p.state.Load() // first: tried means that its frames are among those sent
	if state != tried && state != trusted {
		return
	}
	lost, of, ok := p.look()
	switch {
	case !ok: // the interface is gone, which the ports will find
	case state == tried && lost == 0:
		p.state.CompareAndSwap(tried, trusted)
	case state == tried, 2*lost > of:
		p.failedOut.Store(lost)
		p.failedOf.Store(of)
		p.state.CompareAndSwap(state, failed)
	}
}

// look returns how many frames were sent since the last look, and how many more
// are lost.
func (p *proof) look() (lost, of uint64, ok bool) {
	sent := p.sent.Load() // before the driver's: what goes meanwhile must not look lost
	n, ok := p.count()
	if !ok {
		return 0, 0, false
	}
	if n < p.last { // it began anew
		p.last = 0
	}
	// Of others' frames none may stand for later ones of ours.
	p.counted = min(p.counted+n-p.last, p.begun.Load()-p.lost.Load())
	p.last = n
	of, p.checked = sent-p.checked, sent
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
	case failed:
		return fmt.Sprintf("%d of %d live frames were lost: has the far end a native XDP program? They are tried again after %v",
			p.failedOut.Load(), p.failedOf.Load(), p.rest)
	case gone:
		return "the interface takes no live frames any more"
	}
	return "live frames are on trial"
}

func (p *proof) close() {
	close(p.stop)
	p.done.Wait()
}

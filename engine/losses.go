package engine

import (
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// A session whose packets were lost on this host has a silent peer that talks. So
// a worker counts what its ports, and its way to the other workers, had no room
// for, and remembers how many that were at some instants: a failure can then say
// how many were lost since its last packet.
const (
	lossEvery = session.Time(100 * session.Millisecond) // one system call for each queue and socket
	lossKept  = 64
)

// losses are what one worker knows of them.
type losses struct {
	due   session.Time // of the next sample
	read  session.Time // when sum was last brought up to date
	sum   uint64
	ports []uint64 // what each port of the worker had lost then

	samples [lossKept]lossSample
	taken   int // ever

	published atomic.Uint64 // sum, for the other workers to read
}

type lossSample struct {
	at    session.Time
	total uint64 // of all workers
}

// sampleLosses remembers now and then how many frames have been lost.
func (w *Worker) sampleLosses(now session.Time) {
	if now < w.loss.due {
		return
	}
	w.loss.due = now + lossEvery
	w.loss.samples[w.loss.taken%lossKept] = lossSample{now, w.lossTotal(now)}
	w.loss.taken++
}

// lossTotal returns how many frames have been lost until now. It asks the ports
// once for each now.
func (w *Worker) lossTotal(now session.Time) (total uint64) {
	l := &w.loss
	if l.taken == 0 || l.read != now {
		l.read = now
		for p, port := range w.ports {
			if port != nil {
				n := port.Lost()
				l.sum += n - l.ports[p]
				l.ports[p] = n
			}
		}
		l.published.Store(l.sum + w.drops[packet.DropHandoffFull])
	}
	for _, o := range w.engine.workers {
		total += o.loss.published.Load()
	}
	return total
}

// lostSince returns how many frames were lost after an instant, and over how many
// ns that was counted: a little longer, or less if the instant is long ago.
func (w *Worker) lostSince(since, now session.Time) (lost uint64, within int64) {
	l := &w.loss
	base, found := lossSample{}, false
	for i := max(0, l.taken-lossKept); i < l.taken; i++ {
		if s := l.samples[i%lossKept]; !found || s.at <= since {
			base, found = s, true
		}
	}
	if !found {
		return 0, 0
	}
	return w.lossTotal(now) - base.total, int64(now - base.at)
}

package wire

import (
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/session"
)

// spinMost bounds how long a worker looks at its rings in one go instead of
// sleeping: about what it takes a machine to put a thread to sleep and to wake it.
const spinMost = session.Time(50 * session.Microsecond)

// spinner is adaptive waiting: a short look at the rings in place of a sleep
// that would be over at once, or before the last bit of one that must end on time.
// A worker without traffic and without a deadline close by sleeps all the same.
type spinner struct {
	queues []*queue     // whose rings are looked at; sockets cannot be without a system call
	last   session.Time // when a packet was last seen to be there
	gap    session.Time // smoothed time between two such
}

// dense reports whether the next packet is likelier there within spinMost than not.
func (s *spinner) dense() bool { return s.gap < spinMost }

// reset takes other queues, of whose traffic nothing is known yet.
func (s *spinner) reset(queues []*queue) {
	s.queues, s.gap = queues, session.Time(session.Millisecond)
}

// arrived reports whether a ring holds something that the worker has not seen.
func (s *spinner) arrived(now session.Time) bool {
	for _, q := range s.queues {
		if q.rx.produced.Load() != q.rx.head {
			gap := min(now-s.last, session.Time(session.Millisecond))
			s.gap += (gap - s.gap) / 8
			s.last = now
			return true
		}
	}
	return false
}

// spin looks until an instant and reports whether a packet or a wake came
// before it.
func (s *spinner) spin(until session.Time, woken *atomic.Bool) bool {
	for now := Now(); now < until; now = Now() {
		if woken.Load() || s.arrived(now) {
			return true
		}
	}
	return false
}

// waitAdaptive is wait that spins where a sleep would cost more than it saves:
// while packets come closely one after the other, and up to a deadline.
func (w *waiter) waitAdaptive(deadline session.Time) {
	now := Now()
	if w.woken.Load() || deadline <= now {
		return
	}
	if w.spin.dense() || deadline-now <= spinMost {
		w.spins.Add(1)
		if w.spin.spin(min(deadline, now+spinMost), &w.woken) {
			w.caught.Add(1)
			return
		}
		w.spin.gap += spinMost / 4 // a look in vain counts against the next
	}
	early := deadline
	if deadline != session.Never {
		early -= spinMost
	}
	if now = Now(); now < early {
		w.sleep(now, early)
		now = Now()
	}
	if !w.spin.arrived(now) && now >= early && now < deadline {
		w.spins.Add(1)
		w.spin.spin(deadline, &w.woken)
	}
}

// Waits counts how a worker has waited.
type Waits struct {
	Sleeps uint64 // in the kernel
	Spins  uint64 // looks at the rings, of spinMost at most
	Caught uint64 // of those in place of a sleep, by how many a packet or a wake was met
}

// Waits returns how often the worker has waited, and how. Any goroutine may ask.
func (l *Loop) Waits() Waits {
	w := l.waiter
	return Waits{Sleeps: w.sleeps.Load(), Spins: w.spins.Load(), Caught: w.caught.Load()}
}

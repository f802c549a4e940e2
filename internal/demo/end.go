package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// deadMan is how long the kernel answers for an end that stands still, as for the
// daemon unless its file says otherwise.
const deadMan = 3 * time.Second

// end is one side of all sessions, with what it saw of them.
type end struct {
	speaker *speaker.Speaker
	discrs  []uint32

	mu      sync.Mutex
	index   map[uint32]int // session number by discriminator
	up      map[int]bool   // the sessions that are Up
	downs   int            // how often one failed
	stalled time.Duration  // for how long at most this end stood still before
	late    map[int]lateness
}

// start creates a speaker at each end, pinned to different CPUs where there are
// two, and all sessions.
func (l *lab) start(ctx context.Context, o Options) error {
	cpus := twoCPUs()
	for i := range l.ends {
		e := &end{index: make(map[uint32]int), up: make(map[int]bool), late: make(map[int]lateness)}
		opts := speaker.Options{
			Transport: func(string) string { return o.Transport },
			In:        l.spaces[i].Do,
			OnEvents:  e.note,
			Sessions:  2 * o.Sessions,
			Lanes:     2 * o.Sessions,
			DeadMan:   deadMan,
		}
		if cpus != nil {
			opts.CPUs = cpus[i : i+1]
		}
		s, err := speaker.New(opts)
		if err != nil {
			return fmt.Errorf("start end %d: %w", i, err)
		}
		e.speaker, l.ends[i] = s, e
	}
	for i, e := range l.ends {
		if err := e.addSessions(i, o); err != nil {
			return err
		}
	}
	for _, e := range l.ends {
		if err := e.speaker.Settle(ctx, e.discrs); err != nil {
			return err
		}
	}
	return nil
}

// twoCPUs returns two that this process may use, or nil if it has but one.
func twoCPUs() (cpus []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() < 2 {
		return nil
	}
	for cpu := 0; len(cpus) < 2; cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

func (e *end) addSessions(i int, o Options) error {
	us := uint32(o.Interval.Microseconds())
	spec := engine.Spec{
		Params: session.Params{DesiredMinTx: us, RequiredMinRx: us, DetectMult: uint8(o.Mult)},
		DSCP:   48,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for k := range o.Sessions {
		d, err := e.speaker.Add(netlinkmon.Target{
			Peer: addrOf(1-i, k, o.IPv6), Local: addrOf(i, k, o.IPv6), Interface: ifname,
		}, spec)
		if err != nil {
			return fmt.Errorf("add session %d: %w", k, err)
		}
		e.discrs = append(e.discrs, d)
		e.index[d] = k
	}
	return nil
}

// note keeps what the engine tells of sessions.
func (e *end) note(events []engine.Event) {
	told := wire.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range events {
		ev := &events[i]
		k, ok := e.index[ev.Discr]
		if !ok {
			continue
		}
		if ev.Failed {
			f := &ev.Failure
			e.downs++
			e.stalled = max(e.stalled, time.Duration(f.Stalled))
			if f.Diag == packet.DiagControlExpiry {
				e.late[k] = latenessOf(f, told)
			}
		}
		if ev.Change.To == packet.Up {
			e.up[k] = true
		} else {
			delete(e.up, k)
		}
	}
}

// forget drops what was late so far.
func (e *end) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.late)
}

// count returns how many of the sessions are Up.
func (e *end) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.up)
}

// failed returns how often a session has failed, and for how long at most this
// end had stood still when one did.
func (e *end) failed() (downs int, stalled time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.downs, e.stalled
}

package wirebed

import (
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// host watches how late the machine lets this process run.
var host struct {
	sync.Mutex
	stalls []stall
}

// stall is an instant at which a sleep ended, and by how much too late.
type stall struct {
	at   time.Time
	late time.Duration
}

const (
	pulse    = 5 * time.Millisecond
	notable  = 15 * time.Millisecond // a stall that may have spoilt a trial
	calmFor  = 300 * time.Millisecond
	patience = 15 * time.Second
)

// watchHost never returns.
func watchHost() {
	for before := time.Now(); ; {
		time.Sleep(pulse)
		now := time.Now()
		if late := now.Sub(before) - pulse; late > notable {
			host.Lock()
			host.stalls = append(host.stalls, stall{now, late})
			host.Unlock()
		}
		before = now
	}
}

// worstSince returns the longest stall since an instant.
func worstSince(from time.Time) (worst time.Duration) {
	host.Lock()
	defer host.Unlock()
	for i := len(host.stalls) - 1; i >= 0 && host.stalls[i].at.After(from); i-- {
		worst = max(worst, host.stalls[i].late)
	}
	return worst
}

// awaitCalm waits until the machine has let this process run for a while, or
// long enough.
func awaitCalm() {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pulse) {
		if worstSince(time.Now().Add(-calmFor)) == 0 {
			return
		}
	}
}

// goFirst asks the scheduler to run this process before others: D's workers have
// no core of their own here. Threads that are made later inherit it. It does what
// it may.
func goFirst() {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetAttr(tid, &attr, 0)
		}
	}
}

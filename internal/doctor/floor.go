package doctor

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Wakeups is how late a thread that slept was woken, which no program that
// sleeps on this host can beat.
type Wakeups struct {
	Scheduling string  `json:"scheduling"` // "normal" or "fifo 60"
	CPU        int     `json:"cpu"`        // -1: any
	Samples    int     `json:"samples"`
	P50        float64 `json:"p50-us"`
	P99        float64 `json:"p99-us"`
	Max        float64 `json:"max-us"`
	// Lowest is the shortest interval that is safe here with a multiplier of 3,
	// in microseconds.
	Lowest uint32 `json:"lowest-interval-us"`
}

// sleep is long enough for the CPU to go idle, as it does between packets.
const sleep = time.Millisecond

// Measure sleeps again and again for about the given time, scheduled as the
// workers will be: under SCHED_FIFO if priority is not 0, on cpu unless that is -1.
func Measure(ctx context.Context, during time.Duration, priority, cpu int) (*Wakeups, error) {
	w := &Wakeups{Scheduling: "normal", CPU: cpu}
	if priority > 0 {
		w.Scheduling = fmt.Sprintf("fifo %d", priority)
	}
	var late []time.Duration
	failed := make(chan error, 1)
	go func() {
		// The thread is changed for good: it ends with this goroutine, which
		// does not unlock it.
		runtime.LockOSThread()
		err := prepare(priority, cpu)
		if err == nil {
			late = sleepFor(ctx, during)
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		return nil, err
	}
	w.take(late)
	return w, ctx.Err()
}

// prepare makes the calling thread one like a worker's.
func prepare(priority, cpu int) error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	if cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("run on CPU %d: %w", cpu, err)
		}
	}
	if priority == 0 {
		return nil
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(priority), Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("run under SCHED_FIFO at priority %d: %w", priority, err)
	}
	return nil
}

// sleepFor returns how late each of many sleeps ended.
func sleepFor(ctx context.Context, during time.Duration) (late []time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; {
		t := unix.NsecToTimespec(int64(sleep))
		start := time.Now()
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil); err != nil {
			continue // a signal: not a wake-up
		}
		late = append(late, time.Since(start)-sleep)
	}
	return late
}

// take fills in what late says.
func (w *Wakeups) take(late []time.Duration) {
	if len(late) == 0 {
		return
	}
	slices.Sort(late)
	us := func(i int) float64 { return float64(late[i]) / float64(time.Microsecond) }
	w.Samples = len(late)
	w.P50, w.P99, w.Max = us(len(late)/2), us(len(late)*99/100), us(len(late)-1)
	w.Lowest = lowest(w.Max)
}

// steps are intervals that people use, in microseconds; RFC 7419 has some.
var steps = []uint32{1000, 2000, 3300, 5000, 10_000, 20_000, 50_000, 100_000, 300_000, 1_000_000}

// lowest returns the shortest of steps that bears four times the worst that was
// seen: with a multiplier of 3 a peer that expects the next packet waits for two
// more intervals before it gives up.
func lowest(worst float64) uint32 {
	for _, interval := range steps {
		if 2*float64(interval) >= 4*worst {
			return interval
		}
	}
	return steps[len(steps)-1]
}

// wakeups says what intervals are safe, and whether those that are wanted are.
func wakeups(h *Host) []Finding {
	const check = "wake-ups"
	w := h.Wakeups
	if w == nil || w.Samples == 0 {
		return say(check, Warn, "not measured: what intervals are safe here is not known")
	}
	measured := fmt.Sprintf("threads (%s) are woken late by p50 %.0f us, p99 %.0f us, max "+
		"%.0f us in %d sleeps", w.Scheduling, w.P50, w.P99, w.Max, w.Samples)
	safe := time.Duration(w.Lowest) * time.Microsecond
	shortest := uint32(0)
	for _, p := range h.Want.Peers {
		if alike := p.Interval / 2 * uint32(max(p.Mult, 2)-1); p.Interval != 0 && (shortest == 0 || alike < shortest) {
			shortest = alike // the interval that bears as much with a multiplier of 3
		}
	}
	switch {
	case w.Max > 500_000/2:
		return say(check, Fail, "%s: this host stands still for longer than BFD bears, so look at its load and its hypervisor", measured)
	case shortest != 0 && shortest < w.Lowest:
		return say(check, Warn, "%s: with multiplier 3, %v is the lowest interval that is safe here, and %s asks for less; use "+
			"that, a greater multiplier, or workers on CPUs of their own under scheduling: fifo", measured, safe, h.Want.From)
	}
	return say(check, OK, "%s: %v is the lowest interval that is safe here with multiplier 3, while the load is as it is now", measured, safe)
}

package demo

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// floorSleep is long enough for the CPU to go idle, as it does between packets.
const floorSleep = time.Millisecond

// wakeupFloor measures for about the given time how late the kernel wakes a
// thread that sleeps: what no program that sleeps on this machine can beat.
func wakeupFloor(ctx context.Context, during time.Duration) ([]time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set timer slack: %w", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // 0 is the default again
	var late []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end) && ctx.Err() == nil; {
		t := unix.NsecToTimespec(int64(floorSleep))
		start := time.Now()
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil); err != nil {
			continue // a signal: not a wake-up
		}
		late = append(late, time.Since(start)-floorSleep)
	}
	return late, nil
}

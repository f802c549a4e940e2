package demo

import (
	"context"
	"time"
)

// poll is how often the demo looks; the engines do not wait for it.
const poll = 5 * time.Millisecond

// waitUp waits until every session is Up at both ends. A session sends once a
// second before it is Up, or as rarely as its interval says, so this is time for
// several attempts.
func (l *lab) waitUp(ctx context.Context, o Options, say *printer) error {
	limit := 5*time.Second + 4*o.Interval
	return l.until(ctx, limit, func() bool {
		n := l.sessionsUp()
		say.progress("coming up  %d/%d", n, o.Sessions)
		return n == o.Sessions
	})
}

// hold lets the sessions run, and measures the machine meanwhile.
func (l *lab) hold(ctx context.Context, d time.Duration, say *printer) ([]time.Duration, error) {
	type measured struct {
		late []time.Duration
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := make(chan measured, 1)
	go func() {
		late, err := wakeupFloor(ctx, d)
		m <- measured{late, err}
	}()
	start := time.Now()
	err := l.until(ctx, d+time.Second, func() bool {
		downs, _ := l.downs()
		say.progress("holding    %.1fs, %d Downs", time.Since(start).Seconds(), downs)
		return time.Since(start) >= d
	})
	cancel()
	floor := <-m
	if err == nil {
		err = floor.err
	}
	return floor.late, err
}

// waitDown waits until both ends of every session have noticed the cut, twice
// the promised time and a second at most.
func (l *lab) waitDown(ctx context.Context, o Options, say *printer) error {
	limit := 2*time.Duration(o.Mult)*o.Interval + time.Second
	return l.until(ctx, limit, func() bool {
		n := max(l.ends[0].count(), l.ends[1].count())
		say.progress("detecting  %d/%d", o.Sessions-n, o.Sessions)
		return n == 0
	})
}

// until looks again and again until done says so or the limit has passed. It
// fails when ctx ends or a worker cannot go on.
func (l *lab) until(ctx context.Context, limit time.Duration, done func() bool) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for !done() && time.Now().Before(end) {
		select {
		case <-tick.C:
		case err := <-l.ends[0].speaker.Failed():
			return err
		case err := <-l.ends[1].speaker.Failed():
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

package demo

import (
	"context"
	"io"
	"time"
)

// poll is how often the demo looks; the engines do not wait for it.
const poll = 5 * time.Millisecond

// waitUp waits until every session is Up at both ends, for a time that even a
// thousand slow starts fit in.
func (l *lab) waitUp(ctx context.Context, o Options, say *printer) error {
	limit := 10*time.Second + 4*o.Interval
	return l.until(ctx, limit, func() bool {
		n := l.sessionsUp()
		say.progress("coming up %d/%d", n, o.Sessions)
		return n == o.Sessions
	}, say)
}

// hold lets the sessions run, and measures the machine meanwhile.
func (l *lab) hold(ctx context.Context, d time.Duration, say *printer) ([]time.Duration, error) {
	type measured struct {
		late []time.Duration
		err  error
	}
	m := make(chan measured, 1)
	go func() {
		late, err := wakeupFloor(ctx, d)
		m <- measured{late, err}
	}()
	start := time.Now()
	err := l.until(ctx, d+time.Second, func() bool {
		say.progress("holding   %.1fs, %d Downs", time.Since(start).Seconds(), l.downs())
		return time.Since(start) >= d
	}, say)
	floor := <-m
	if err == nil {
		err = floor.err
	}
	return floor.late, err
}

// waitDown waits until both ends of every session have noticed the cut, twice
// the promised time and a second at most, and returns by how much they were
// late.
func (l *lab) waitDown(ctx context.Context, o Options) (detections, error) {
	limit := 2*time.Duration(o.Mult)*o.Interval + time.Second
	quiet := newPrinter(io.Discard, true)
	err := l.until(ctx, limit, func() bool { return l.ends[0].count() == 0 && l.ends[1].count() == 0 }, quiet)
	var all detections
	a, b := l.ends[0], l.ends[1]
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, d := range a.late {
		if e, ok := b.late[k]; ok {
			all.sessions++
			all.declared = append(all.declared, d.declared, e.declared)
			all.told = append(all.told, d.told, e.told)
		}
	}
	return all, err
}

// until looks again and again until done says so or the limit has passed; only
// the end of ctx is an error.
func (l *lab) until(ctx context.Context, limit time.Duration, done func() bool, say *printer) error {
	defer say.endProgress()
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
			return ctx.Err()
		}
	}
	return nil
}

// sessionsUp is how many sessions are Up, by the end that has fewer.
func (l *lab) sessionsUp() int { return min(l.ends[0].count(), l.ends[1].count()) }

func (l *lab) downs() int {
	n := 0
	for _, e := range l.ends {
		e.mu.Lock()
		n += e.downs
		e.mu.Unlock()
	}
	return n
}

// transport returns what both ends run over, and why.
func (l *lab) transport() (name, reason string) {
	p := l.ends[0].speaker.Path(l.ends[0].discrs[0])
	q := l.ends[1].speaker.Path(l.ends[1].discrs[0])
	if p.Transport != q.Transport {
		return p.Transport + " and " + q.Transport, p.TransportReason + "; " + q.TransportReason
	}
	return p.Transport, p.TransportReason
}

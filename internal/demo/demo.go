// Package demo is xbfd's main job in one command: two engines, each in a
// network namespace of its own, a bridge between them, real BFD sessions, a
// silent cut, and what it took to notice.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options of a demo.
type Options struct {
	Sessions  int           // 1 to 16384
	Interval  time.Duration // transmit and receive, both ends; 100 µs to a minute
	Mult      int           // detection multiplier, 1 to 255
	Hold      time.Duration // from all Up to the cut, 10 minutes at most
	IPv6      bool
	JSON      bool   // print one object instead of progress and a report
	Transport string // auto, xdp, xdp-generic or udp
}

// Limits: each end has one source port for each session, and a demo should end
// while somebody still looks.
const (
	maxSessions = 16384
	minInterval = 100 * time.Microsecond
	maxInterval = time.Minute
	maxHold     = 10 * time.Minute
)

// Check returns the first option that cannot be meant, by the name of its flag.
func (o Options) Check() error {
	switch {
	case o.Sessions < 1 || o.Sessions > maxSessions:
		return fmt.Errorf("--sessions: %d is not 1 to %d", o.Sessions, maxSessions)
	case o.Interval < minInterval || o.Interval > maxInterval:
		return fmt.Errorf("--interval: %v is not %v to %v", o.Interval, minInterval, maxInterval)
	case o.Interval%time.Microsecond != 0:
		return fmt.Errorf("--interval: %v is not a whole number of microseconds", o.Interval)
	case o.Mult < 1 || o.Mult > 255:
		return fmt.Errorf("--mult: %d is not 1 to 255", o.Mult)
	case o.Hold < 0 || o.Hold > maxHold:
		return fmt.Errorf("--hold: %v is not 0 to %v", o.Hold, maxHold)
	}
	return nil
}

// Run builds the namespaces, runs the sessions, cuts the path, writes the
// report to out and removes everything again, also when ctx ends early. It
// fails if anything the demo promises did not happen: a session that did not
// come up, a false Down while holding, a cut that an end did not notice.
func Run(ctx context.Context, o Options, out io.Writer) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	say := newPrinter(out, o.JSON)
	say.line("%d sessions over %s, %v x %d", o.Sessions, family(o.IPv6), o.Interval, o.Mult)

	l, err := newLab(o)
	if err != nil {
		return fmt.Errorf("build the namespaces: %w", err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	r, err := l.run(ctx, o, say)
	if err != nil {
		return err
	}
	if o.JSON {
		if err := r.writeJSON(out); err != nil {
			return err
		}
	}
	return r.promises()
}

// run is the demo's story, phase by phase.
func (l *lab) run(ctx context.Context, o Options, say *printer) (*result, error) {
	r := &result{Sessions: o.Sessions, DetectionTime: int64(o.Mult) * o.Interval.Microseconds()}
	start := time.Now()
	if err := l.start(ctx, o); err != nil {
		return nil, err
	}
	if err := l.waitUp(ctx, o, say); err != nil {
		return nil, err
	}
	r.Up, r.TimeToUp = l.sessionsUp(), milliseconds(time.Since(start))
	var reason string
	r.Transport, reason = l.transport()
	say.line("up        %d/%d in %.0f ms over %s (%s)", r.Up, o.Sessions, r.TimeToUp, r.Transport, reason)
	if r.Up < o.Sessions {
		return r, nil
	}

	floor, err := l.hold(ctx, o.Hold, say)
	if err != nil {
		return nil, err
	}
	r.FalseDowns = l.downs()
	say.line("held      %v, %d false Downs", o.Hold, r.FalseDowns)

	if err := l.cut(); err != nil {
		return nil, fmt.Errorf("cut the path: %w", err)
	}
	say.line("cut       silently: both ends keep their carrier and are told nothing")
	late, err := l.waitDown(ctx, o)
	if err != nil {
		return nil, err
	}
	r.detected(late, floor)
	say.line("detected  %d/%d at both ends, promised %.1f ms after the last packet", r.Detected, o.Sessions, float64(r.DetectionTime)/1000)
	say.line("overshoot %v; clients told %v", r.Overshoot, r.Told)
	say.line("floor     this machine wakes a sleeping thread late by %v", r.Floor)
	return r, nil
}

func family(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

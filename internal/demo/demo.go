// Package demo is xbfd's main job in one command: two engines, each in a
// network namespace of its own, a bridge between them, real BFD sessions, a
// silent cut, and what it took to notice.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Run builds the namespaces, runs the sessions, cuts the path, writes the
// report to out and removes everything again, also when ctx ends early. It
// fails if anything the demo promises did not happen: a session that did not
// come up, a false Down while holding, a cut that an end did not notice.
func Run(ctx context.Context, o Options, out io.Writer) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	l, say := new(lab), newPrinter(out, o.JSON)
	defer func() {
		say.clear()
		err = errors.Join(explain(ctx, err), l.close())
	}()
	say.line("%d sessions over %s, %v x %d", o.Sessions, family(o.IPv6), o.Interval, o.Mult)
	if err := l.build(ctx, o, say); err != nil {
		return fmt.Errorf("build the namespaces: %w", err)
	}
	r, err := l.show(ctx, o, say)
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

// explain adds to an error what the user has to do with it.
func explain(ctx context.Context, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("ended early: %w", context.Cause(ctx))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the demo needs root, in a container also the privileges of its host", err)
	}
	return err
}

// show is the demo's story, phase by phase.
func (l *lab) show(ctx context.Context, o Options, say *printer) (*result, error) {
	r := &result{Sessions: o.Sessions, DetectionTime: int64(o.Mult) * o.Interval.Microseconds()}
	start := time.Now()
	if err := l.start(ctx, o); err != nil {
		return nil, err
	}
	if err := l.waitUp(ctx, o, say); err != nil {
		return nil, err
	}
	r.Up, r.TimeToUp = l.sessionsUp(), milliseconds(time.Since(start))
	say.line("up         %d/%d in %.0f ms", r.Up, r.Sessions, r.TimeToUp)
	var reason string
	r.Transport, reason = l.transport()
	say.line("transport  %s (%s)", r.Transport, reason)
	if r.Up < r.Sessions {
		return r, nil
	}

	floor, err := l.hold(ctx, o.Hold, say)
	if err != nil {
		return nil, err
	}
	r.FalseDowns, r.stalled = l.downs()
	say.line("held       %v, %d false Downs", o.Hold, r.FalseDowns)

	if err := l.cut(); err != nil {
		return nil, fmt.Errorf("cut the path: %w", err)
	}
	say.line("cut        silently: both ends keep their carrier and are told nothing")
	if err := l.waitDown(ctx, o, say); err != nil {
		return nil, err
	}
	r.detected(l.detections(), floor)
	say.line("detected   %d/%d at both ends, promised %.1f ms after the last packet", r.Detected, r.Sessions, float64(r.DetectionTime)/1000)
	say.line("overshoot  %v", r.Overshoot)
	say.line("told       %v, until a client of the engine knew", r.Told)
	if len(floor) > 0 {
		say.line("floor      %v, by which this machine wakes a thread late", r.Floor)
	}
	return r, nil
}

func family(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

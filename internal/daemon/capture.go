package daemon

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/capture"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// maxWatchers bounds what those who watch sessions live cost.
const maxWatchers = 8

func recorded(c config.Capture) flight.Options {
	return flight.Options{Frames: c.Frames, Pool: c.Pool, Passwords: c.ShowPasswords}
}

// wall returns a function that turns the engine's time into that of the day.
func wall() func(ns int64) time.Time {
	now, at := time.Now(), wire.Now()
	return func(ns int64) time.Time { return now.Add(time.Duration(session.Time(ns) - at)) }
}

// Capture returns what was recorded of a session's packets.
func (d *Daemon) Capture(ctx context.Context, id uint32) (control.Capture, error) {
	if d.captures.recorded.Frames == 0 {
		return control.Capture{}, control.Errorf(control.CodeUnavailable,
			"nothing is recorded: capture.frames is 0; set it and start anew, or watch the session live")
	}
	c, err := d.captureHead(ctx, id)
	if err != nil {
		return c, err
	}
	frames, err := d.speaker.Engine().Capture(ctx, id)
	if errors.Is(err, engine.ErrUnknown) {
		return c, noSession(id)
	}
	at := wall()
	for i := range frames {
		c.Frames = append(c.Frames, capture.Frame(&frames[i], at))
	}
	return c, err
}

func noSession(id uint32) error {
	return control.Errorf(control.CodeNotFound, "no session with local discriminator %d", id)
}

// captureHead says whose packets they are.
func (d *Daemon) captureHead(ctx context.Context, id uint32) (control.Capture, error) {
	s, err := d.Session(ctx, id)
	return control.Capture{Peer: s.Peer, Local: s.Local, Interface: s.Interface, Discr: id}, err
}

// Watch returns a reader of a session's packets as they pass.
func (d *Daemon) Watch(ctx context.Context, id uint32) (control.FrameReader, error) {
	head, err := d.captureHead(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.captures.watchers.Add(1) > maxWatchers {
		d.captures.watchers.Add(-1)
		return nil, control.Errorf(control.CodeUnavailable, "%d live captures run already: end one of them", maxWatchers)
	}
	w := &watcher{d: d, head: head, tap: flight.NewTap(d.captures.recorded.ShowPasswords)}
	if err := d.speaker.Engine().Tap(ctx, id, w.tap); err != nil {
		d.captures.watchers.Add(-1)
		if errors.Is(err, engine.ErrUnknown) {
			err = noSession(id)
		}
		return nil, err
	}
	return w, nil
}

// watcher reads one Tap.
type watcher struct {
	d      *Daemon
	head   control.Capture
	tap    *flight.Tap
	lost   uint64
	frames []flight.Frame
}

// watchEvery is how long packets wait for a watcher at most: nobody wakes it.
const watchEvery = 20 * time.Millisecond

func (w *watcher) Head() control.Capture { return w.head }

// Next waits until there are packets, the session is gone or the daemon ends.
func (w *watcher) Next(ctx context.Context, buf []control.CapturedFrame) ([]control.CapturedFrame, uint64, error) {
	for {
		ended := w.tap.Ended()
		if w.frames = w.tap.Take(w.frames[:0]); len(w.frames) > 0 {
			break
		}
		if ended {
			return buf, 0, io.EOF
		}
		select {
		case <-ctx.Done():
			return buf, 0, ctx.Err()
		case <-w.d.captures.ended:
			return buf, 0, io.EOF
		case <-time.After(watchEvery):
		}
	}
	at := wall()
	for i := range w.frames {
		buf = append(buf, capture.Frame(&w.frames[i], at))
	}
	lost := w.tap.Lost() - w.lost
	w.lost += lost
	return buf, lost, nil
}

// Close ends it.
func (w *watcher) Close() {
	w.d.captures.watchers.Add(-1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := w.d.speaker.Engine().Untap(ctx, w.head.Discr, w.tap); err != nil {
		w.d.log.Error("end live capture", "session", w.head.Discr, "err", err)
	}
}

// downCapture is what is written when a session has failed.
func (d *Daemon) downCapture(id uint32) (control.Capture, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return d.Capture(ctx, id)
}

package daemon

import (
	"context"
	"time"

	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/hooks"
)

// hooksTime is how long hooks have at the end for what is still to be done.
const hooksTime = 5 * time.Second

// runHooks hands events to the hooks, from the first there ever was, by a reader of
// its own: nobody who makes an event waits. The function that it returns waits until
// the last event has been handed on and dealt with, or until now ends.
func (d *Daemon) runHooks(now context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.feedHooks()
	}()
	return func() {
		d.events.End()
		<-done
		ctx, cancel := context.WithTimeout(now, hooksTime)
		defer cancel()
		d.hooks.Close(ctx)
	}
}

func (d *Daemon) feedHooks() {
	missed := func(n uint64) {
		if d.hooks.Any() {
			d.hooks.Missed(n)
		}
	}
	d.events.Follow(missed, func(seq uint64, r *eventlog.Record) {
		if d.hooks.Any() {
			d.hooks.Add(&hooks.Event{Event: r.Event(seq, r.Session()), Profile: r.Profile})
		}
	})
}

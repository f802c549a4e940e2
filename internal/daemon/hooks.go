package daemon

import (
	"context"
	"time"

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
		d.events.end()
		<-done
		ctx, cancel := context.WithTimeout(now, hooksTime)
		defer cancel()
		d.hooks.Close(ctx)
	}
}

func (d *Daemon) feedHooks() {
	var batch [copyBatch]record
	for seq := d.events.first; ; {
		from, n, more := d.events.copy(seq, &batch)
		if d.hooks.Any() {
			if from > seq {
				d.hooks.Missed(from - seq)
			}
			for i := range batch[:n] {
				r := &batch[i]
				d.hooks.Add(&hooks.Event{Event: r.event(from+uint64(i), r.session()), Profile: r.profile})
			}
		}
		seq = from + uint64(n)
		if more == nil {
			continue
		}
		select {
		case <-more:
		case <-d.events.ended:
			if d.events.endsAt(seq) {
				return
			}
		}
	}
}

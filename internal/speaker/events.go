package speaker

import (
	"context"
	"fmt"

	"github.com/xbfd/xbfd/engine"
)

// keptEvents is how many events there is room for all the time.
const keptEvents = 256

// ring is called on a worker's thread after each of its turns.
func (s *Speaker) ring() {
	if len(s.engine.Notify()) > 0 {
		s.bell.Ring()
	}
}

// takeEvents hands the engine's events on, and lets go of removed sessions. A word of
// Notify that comes after it was taken here rings once more than need be.
func (s *Speaker) takeEvents(ctx context.Context) {
	var buf []engine.Event
	var notes []engine.Note
	for {
		if err := s.bell.Wait(); err != nil {
			s.fail <- fmt.Errorf("wait for events: %w", err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-s.engine.Notify():
		default:
		}
		for buf = s.engine.TakeEvents(buf[:0]); len(buf) > 0; buf = s.engine.TakeEvents(buf[:0]) {
			s.o.OnEvents(buf)
			for i := range buf {
				switch e := &buf[i]; {
				case e.Gone:
					s.gone(ctx, e.Discr)
				case e.Failed && !e.Failure.Admin:
					s.monitor.Doubt(e.Discr)
				}
			}
		}
		if cap(buf) > keptEvents {
			buf = nil // many came up or failed at once: that is rare
		}
		var unsaid uint64
		if notes, unsaid = s.engine.TakeNotes(notes[:0]); len(notes) > 0 {
			s.o.OnNotes(notes, unsaid)
		}
	}
}

// gone clears away what a removed session leaves.
func (s *Speaker) gone(ctx context.Context, discr uint32) {
	s.monitor.Unwatch(discr)
	s.later(ctx, func() {
		s.mu.Lock()
		e := s.sessions[discr]
		delete(s.sessions, discr)
		s.mu.Unlock()
		if e != nil {
			s.withdraw(discr, e)
			s.closeUnused(ctx)
		}
	})
}

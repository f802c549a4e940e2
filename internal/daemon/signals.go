package daemon

import (
	"context"
	"os"
	"syscall"
)

// signals turns what the system says into what the daemon does.
type signals struct {
	stop context.Context // done: take leave
	now  context.Context // done: at once
	hup  chan struct{}
	end  context.CancelFunc
}

func watchSignals(ctx context.Context, in <-chan os.Signal) *signals {
	s := &signals{hup: make(chan struct{}, 1)}
	var leave context.CancelFunc
	// The end of ctx asks to stop; it does not forbid to say goodbye.
	s.now, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.stop, leave = context.WithCancel(s.now)
	go func() {
		defer leave()
		done := ctx.Done()
		for {
			select {
			case sig := <-in:
				if sig == syscall.SIGHUP {
					select {
					case s.hup <- struct{}{}:
					default: // one is waiting already and will see the same file
					}
					continue
				}
				if s.stop.Err() != nil {
					s.end()
				}
				leave()
			case <-done:
				leave()
				done = nil
			case <-s.now.Done():
				return
			}
		}
	}()
	return s
}

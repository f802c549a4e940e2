package speaker

import (
	"context"
	"time"
)

// retryEvery is how often an interface that could not be opened is tried again.
const retryEvery = 5 * time.Second

// followPaths is the one goroutine that opens and closes interfaces and tells
// the engine and the tables of paths.
func (s *Speaker) followPaths(ctx context.Context) {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case u := <-s.monitor.Updates():
			s.update(ctx, u)
		case op := <-s.ops:
			op()
		case <-retry.C:
			s.retryOpen(ctx)
		case <-look.C:
			s.lookAround(ctx)
			s.closeUnused(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// later runs fn on the path loop.
func (s *Speaker) later(ctx context.Context, fn func()) {
	select {
	case s.ops <- fn:
	case <-ctx.Done():
	}
}

// post is later for callers without a context; after Close it does nothing.
func (s *Speaker) post(fn func()) {
	select {
	case s.ops <- fn:
	case <-s.stopped:
	}
}

// onPathLoop runs fn on the path loop and waits for its result.
func (s *Speaker) onPathLoop(ctx context.Context, fn func() error) error {
	result := make(chan error, 1)
	s.later(ctx, func() { result <- fn() })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

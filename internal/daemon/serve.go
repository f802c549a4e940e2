package daemon

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// serve answers until it is told to stop, and then takes leave of the peers.
func (d *Daemon) serve(s *signals, listener net.Listener) error {
	ctx, cancel := context.WithCancel(s.stop)
	defer cancel()
	served := make(chan error, 1)
	server := control.NewServer(d, d.log)
	d.serveMetrics(ctx, server)
	go func() { served <- server.Serve(ctx, listener) }()
	watched, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	defer unwatch()
	go d.o.Supervisor.watch(watched, d.workersAnswer)
	defer d.runPlanes(context.WithoutCancel(ctx))()
	d.phase(Ready)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer d.flushChanges(true)
	defer d.events.End()
	defer d.captures.run(d.downCapture)()
	defer d.runHooks(s.now)()
	defer d.runGoBGP(ctx)()
	for {
		select {
		case <-s.hup:
			if _, err := d.Reload(ctx); err != nil {
				d.log.Error("reload refused, the running configuration stays", "err", err)
			}
		case <-tick.C:
			d.everySecond(ctx)
		case err := <-d.speaker.Failed():
			return err
		case err := <-served:
			return err
		case <-ctx.Done():
			d.phase(Stopping)
			d.leave(s.now)
			d.events.End()
			d.captures.end()
			return <-served
		}
	}
}

func (d *Daemon) everySecond(ctx context.Context) {
	if d.garbage != nil {
		d.garbage.tick(time.Now(), d.moved())
	}
	d.flushChanges(false)
	d.checkDigests(ctx)
	d.noteLooping(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retryRefused()
	d.retryRoutes()
	d.expireHolds()
	d.tendPlanes(time.Now())
	d.flushNearMisses(time.Now())
}

func (d *Daemon) moved() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moves
}

// leave says AdminDown to every peer and waits until each has had the time to
// hear it, or until told to go at once.
func (d *Daemon) leave(now context.Context) {
	d.closeRoutes()
	d.mu.Lock()
	d.log.Info("stopping: AdminDown to all peers", "sessions", d.byKey.Len(), "hold", d.cfg.ShutdownHold)
	d.leaving = true
	for _, h := range slices.Collect(d.byKey.All()) {
		d.remove(h)
	}
	d.mu.Unlock()
	for {
		d.mu.Lock()
		left := d.byDiscr.Len()
		d.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-d.gone:
		case <-now.Done():
			d.log.Warn("stopped before every peer was told", "sessions", left)
			return
		}
	}
}

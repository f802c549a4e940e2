package daemon

import (
	"context"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/metrics"
)

// openMetrics opens the address that Prometheus is to ask, if there is to be one,
// in the network namespace of the sessions. closeMetrics closes it.
func (d *Daemon) openMetrics(ctx context.Context) error {
	address := d.cfg.Metrics.Listen
	if address == "" {
		return nil
	}
	open := func() (err error) {
		d.scrapes, err = metrics.Listen(ctx, address)
		return err
	}
	if d.o.In != nil {
		return d.o.In(open)
	}
	return open()
}

func (d *Daemon) closeMetrics() {
	if d.scrapes != nil {
		_ = d.scrapes.Close() // as a rule it is closed already
	}
}

// serveMetrics answers Prometheus by server, and on the address that
// openMetrics has opened until ctx ends.
func (d *Daemon) serveMetrics(ctx context.Context, server *control.Server) {
	exposition := metrics.New(d, d.cfg.Metrics.Sessions, d.log)
	server.Metrics(exposition.Answer)
	if d.scrapes != nil {
		go exposition.Serve(ctx, d.scrapes, d.log)
	}
}

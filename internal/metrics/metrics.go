package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/xbfd/xbfd/internal/control"
)

// maxScrapes is how many scrapes are answered at a time; more are told to come
// again (503).
const maxScrapes = 4

// Source is what is asked at each scrape: a control.Backend is one.
type Source interface {
	Status(ctx context.Context) (control.Status, error)
	EachSession(ctx context.Context, f control.Filter, fn func(*control.Session) error) error
}

// Exposition makes the answers to scrapes. It may be used concurrently.
type Exposition struct {
	source  Source
	limit   int // sessions
	process []prometheus.Collector
	log     promhttp.Logger
	scrapes chan struct{}
}

// New returns an Exposition of source. When there are more than limit sessions,
// none has series of its own: 20,000 of them are too much for most Prometheus
// servers, and a part of them would be chosen by chance. A nil logger logs nothing.
func New(source Source, limit int, logger *slog.Logger) *Exposition {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Exposition{
		source: source, limit: limit, scrapes: make(chan struct{}, maxScrapes),
		process: []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})},
		log:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// Answer answers one scrape with things as they stand now. With an error, the
// source's or a *control.Error that asks to try again, nothing has been written.
func (e *Exposition) Answer(w http.ResponseWriter, r *http.Request) error {
	select {
	case e.scrapes <- struct{}{}:
		defer func() { <-e.scrapes }()
	default:
		return control.Errorf(control.CodeUnavailable, "%d scrapes are being answered: scrape less often", maxScrapes)
	}
	now, err := e.read(r.Context())
	if err != nil {
		return err
	}
	all := prometheus.NewRegistry()
	for _, c := range append(slices.Clone(e.process), now) {
		if err := all.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorLog: e.log}).ServeHTTP(w, r)
	return nil
}

// read asks the source once.
func (e *Exposition) read(ctx context.Context) (*snapshot, error) {
	status, err := e.source.Status(ctx)
	if err != nil {
		return nil, err
	}
	s := &snapshot{status: status, named: make(map[key]bool)}
	if status.Sessions.Total > e.limit {
		return s, nil
	}
	return s, e.source.EachSession(ctx, control.Filter{}, s.add)
}

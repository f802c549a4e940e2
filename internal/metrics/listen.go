package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

const (
	maxConnections = 16
	answerTime     = 10 * time.Second // for reading the daemon, as on the control socket
)

// Listen opens the TCP address on which Serve is to answer, such as
// "127.0.0.1:9784".
func Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open metrics.listen: %w", err)
	}
	return l, nil
}

// Serve answers /metrics on l, and nothing else, until ctx ends. It closes l. What
// makes it stop before is logged: sessions do not depend on who reads their metrics.
func (e *Exposition) Serve(ctx context.Context, l net.Listener, log *slog.Logger) {
	if err := control.ServeOn(ctx, l, e, maxConnections, log); err != nil {
		log.Error("metrics are served on the control socket only", "address", l.Addr().String(), "err", err)
	}
}

// ServeHTTP answers one request to the TCP address.
func (e *Exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/metrics":
		http.Error(w, "there is only /metrics here", http.StatusNotFound)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "/metrics takes GET", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	if err := e.Answer(w, r.WithContext(ctx)); err != nil {
		var refused *control.Error
		if !errors.As(err, &refused) {
			refused = control.Errorf(control.CodeUnavailable, "xbfd is too busy to answer: try again")
		}
		http.Error(w, refused.Message, http.StatusServiceUnavailable)
	}
}

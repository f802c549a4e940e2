package control

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ServeOn answers on l by h until ctx ends, then lets running requests finish for
// a short while, closes l and returns nil. It fails only when l does. No client
// can take more than one of the given number of connections for more than some
// seconds without saying or taking anything.
func ServeOn(ctx context.Context, l net.Listener, h http.Handler, connections int, log *slog.Logger) error {
	return serve(ctx, l, h, connections, log, func(server *http.Server) {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
}

// serve is ServeOn with another way to end.
func serve(ctx context.Context, l net.Listener, h http.Handler, connections int, log *slog.Logger, end func(*http.Server)) error {
	server := &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 30 * time.Second,
		IdleTimeout:                  30 * time.Second,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(newLimit(l, connections)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end(server)
	<-failed
	return nil
}

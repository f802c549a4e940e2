package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/packet"
)

// Limits on what one client can take.
const (
	maxBody        = 1 << 20
	maxConnections = 64
	backendTime    = 10 * time.Second // for one request's answer
	shutdownTime   = 2 * time.Second
	streamEndTime  = time.Second // for a reader of events to take the last ones
)

// Backend is whoever runs sessions. Its methods may be called concurrently.
// What they refuse they answer with an *Error; any other error becomes one of
// CodeInternal, and a context's deadline one of CodeUnavailable.
type Backend interface {
	// Sessions returns the sessions that match, in any order.
	Sessions(ctx context.Context, f Filter) ([]Session, error)
	// EachSession calls fn with the sessions that match in the order of their
	// Places, until it fails. What fn gets is its own until it returns.
	EachSession(ctx context.Context, f Filter, fn func(*Session) error) error
	// Session returns the session with a local discriminator, or CodeNotFound.
	Session(ctx context.Context, id uint32) (Session, error)
	// AddSession creates a session of owner "api", or answers CodeExists,
	// CodeInvalid or CodeCapacity. SessionSpec.Resolve says what s means.
	AddSession(ctx context.Context, s SessionSpec) (Session, error)
	// ChangeSession returns the session as it is with c asked of it, or answers
	// CodeInvalid or CodeCapacity.
	ChangeSession(ctx context.Context, id uint32, c SessionChange) (Session, error)
	// DeleteSession removes a session that the API made, or answers CodeNotOwner.
	DeleteSession(ctx context.Context, id uint32) error
	// SetAuth changes the authentication of a session; AuthChange.Resolve says
	// to what. A key that does not exist is CodeInvalid.
	SetAuth(ctx context.Context, id uint32, c AuthChange) (Session, error)
	// Poll starts a Poll Sequence with the peer, or answers CodeUnavailable for a
	// session that is not Up.
	Poll(ctx context.Context, id uint32) (Session, error)
	// Capture returns what was recorded of a session's packets.
	Capture(ctx context.Context, id uint32) (Capture, error)
	// Watch returns a reader of a session's packets as they pass, or answers
	// CodeUnavailable when there are too many.
	Watch(ctx context.Context, id uint32) (FrameReader, error)
	// Signal sets one of Signals on a session.
	Signal(ctx context.Context, id uint32, d packet.Diag) (Session, error)
	// Clear makes the counters and margins of a session start again, or onlyPackets:
	// its counters of packets and nothing else.
	Clear(ctx context.Context, id uint32, onlyPackets bool) (Session, error)
	// ClearAll does so for all sessions, and for Totals.
	ClearAll(ctx context.Context) error
	// Totals returns what all sessions and interfaces have counted.
	Totals(ctx context.Context) (Totals, error)
	// Profiles returns the profiles there are, and those that are only named.
	Profiles(ctx context.Context) ([]Profile, error)
	// Routes returns the routes and addresses that sessions decide about, in the order
	// of the configuration.
	Routes(ctx context.Context) ([]Route, error)
	// SetClient makes somebody a client of a session or changes what it asks for.
	// It answers CodeConflict where the session's other clients rule that out.
	SetClient(ctx context.Context, id uint32, name string, c ClientSpec) (Session, error)
	// DeleteClient ends that, and with the last client the session.
	DeleteClient(ctx context.Context, id uint32, name string) error
	// EchoSource returns where Echo packets come from.
	EchoSource(ctx context.Context) (config.EchoSource, error)
	// SetEchoSource changes that; the zero EchoSource is none.
	SetEchoSource(ctx context.Context, e config.EchoSource) error
	// Keys returns the pool of keys, in any order.
	Keys(ctx context.Context) ([]Key, error)
	// SetKey adds a key of owner "api" or changes one, or answers CodeInUse or
	// CodeNotOwner.
	SetKey(ctx context.Context, id uint32, k KeySpec) (Key, error)
	// DeleteKey removes a key, or answers CodeNotFound, CodeInUse or CodeNotOwner.
	DeleteKey(ctx context.Context, id uint32) error
	// Reload reads the configuration file again: all of it or nothing.
	Reload(ctx context.Context) (ReloadReport, error)
	// Events returns a reader of the events that q selects. It reaches io.EOF soon
	// after the Backend has ended.
	Events(ctx context.Context, q EventQuery) (EventReader, error)
	// Config returns the running configuration, secrets masked.
	Config(ctx context.Context) (config.Document, error)
	// SetConfig takes the place of the file until that is read again: all of
	// document or nothing. Refused says how an error in it is answered.
	SetConfig(ctx context.Context, document []byte) (ReloadReport, error)
	// Debug returns what is logged in full, and SetDebug changes that.
	Debug(ctx context.Context) (Debug, error)
	SetDebug(ctx context.Context, c DebugChange) (Debug, error)
	Status(ctx context.Context) (Status, error)
	// ChangeInterface returns an interface as it is with c asked of it, or answers
	// CodeNotFound, or CodeUnavailable for what cannot be had.
	ChangeInterface(ctx context.Context, ifname string, c InterfaceChange) (InterfaceStatus, error)
}

// Server answers requests for a Backend.
type Server struct {
	backend Backend
	log     *slog.Logger
	mux     *http.ServeMux
	metrics Metrics

	streams atomic.Int64 // readers of events
}

// Metrics answers a request for the metrics, or returns an error before it has
// written anything.
type Metrics func(w http.ResponseWriter, r *http.Request) error

// NewServer returns a Server; a nil logger logs nothing.
func NewServer(b Backend, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{backend: b, log: logger, mux: http.NewServeMux()}
	s.routes()
	return s
}

// Metrics makes m answer for /v1/metrics, also called /metrics. It is for use
// before Serve; without it there are no such routes.
func (s *Server) Metrics(m Metrics) {
	s.metrics = m
	for _, route := range metricsRoutes {
		s.mux.HandleFunc(route, s.answerMetrics)
	}
}

// Serve answers on l until ctx ends, then lets running requests finish for a
// short while, closes l and returns nil. Readers of events stay until the Backend
// ends them, to see the last ones. It fails only when l does. Call it once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := serve(ctx, l, s, maxConnections, s.log, s.shutdown); err != nil {
		return fmt.Errorf("serve control socket: %w", err)
	}
	return nil
}

// shutdown lets requests finish for a short while, and readers of events for as
// long as the Backend has something for them.
func (s *Server) shutdown(server *http.Server) {
	grace, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if server.Shutdown(grace) == nil {
		return
	}
	for s.streams.Load() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	server.Close()
}

// ServeHTTP answers one request. A panic below it costs that request only.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			panic(p) // the server breaks the connection
		} else if p != nil {
			s.log.Error("control request panicked", "method", r.Method, "path", r.URL.Path,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.fail(w, Errorf(CodeInternal, "a fault in xbfd: see its log"))
		}
	}()
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r.URL.Path))
	// The mux would answer these itself, and not with an error object.
	if p := r.URL.EscapedPath(); !strings.HasPrefix(p, "/") || p != path.Clean(p) {
		s.noRoute(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// handler answers one method of one route: a status of success and a body that
// becomes JSON (nil for none), or an error.
type handler func(r *http.Request) (status int, body any, err error)

// methods are the handlers of one route.
type methods map[string]handler

// answer makes an http.Handler of a route.
func (s *Server) answer(m methods) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h, ok := m[r.Method]
		if !ok {
			s.refuseMethod(w, r, m)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), backendTime)
		defer cancel()
		status, body, err := h(r.WithContext(ctx))
		if err != nil {
			s.fail(w, err)
			return
		}
		s.reply(w, status, body)
	}
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	var e *Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = Errorf(CodeUnavailable, "xbfd is too busy to answer: try again")
	default:
		s.log.Error("control request failed", "err", err)
		e = Errorf(CodeInternal, "%s", err)
	}
	s.reply(w, httpStatus(e), client.Envelope{Error: e})
}

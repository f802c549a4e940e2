package exabgp

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// Daemon is what is asked of xbfd; *client.Client is one.
type Daemon interface {
	Sessions(ctx context.Context, f client.Filter) ([]client.Session, error)
	Events(ctx context.Context, q client.EventQuery, fn func(client.Event) error) error
}

// How long an absent daemon is left alone, at first and at most, how long one that
// is there may take for an answer, and how often it is asked for nothing else.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	answerTime = 5 * time.Second
	heartbeat  = 5 * time.Second
)

// telling are the events after which a session may say something else.
var telling = []string{"session-up", "session-down", "admin-down", "created", "deleted", "changed"}

// sighting is what is known now of the paths of some routes: those of the sessions
// with one peer.
type sighting struct {
	peer     netip.Addr
	sessions []client.Session
	err      error // no daemon answers
}

// watch follows the sessions with some peers. Events only say where to look: what
// counts is what the daemon then says of the session, so that an event that is
// told late or twice does no harm.
type watch struct {
	daemon Daemon
	peers  []netip.Addr
	to     chan<- sighting
	wake   chan struct{}

	mu    sync.Mutex
	dirty map[netip.Addr]bool
	gone  error // of the daemon
}

func newWatch(d Daemon, routes []config.ExaBGPRoute, to chan<- sighting) *watch {
	w := &watch{daemon: d, to: to, wake: make(chan struct{}, 1), dirty: make(map[netip.Addr]bool)}
	for _, r := range routes {
		if !w.dirty[r.Peer] {
			w.dirty[r.Peer] = true
			w.peers = append(w.peers, r.Peer)
		}
	}
	return w
}

// follow marks the peers of which the daemon has something to tell, until ctx ends.
// It resumes after the latest event it has seen, of another daemon too.
func (w *watch) follow(ctx context.Context) {
	since, pause := uint64(0), firstPause
	for ctx.Err() == nil {
		w.mark(nil, w.peers...)
		began := time.Now()
		err := w.daemon.Events(ctx, client.EventQuery{Since: &since, Types: telling}, func(ev client.Event) error {
			since = ev.Seq
			if ev.Session == nil { // events were lost: look everywhere
				w.mark(nil, w.peers...)
			} else {
				w.mark(nil, ev.Session.Peer)
			}
			return nil
		})
		w.mark(err)
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

func (w *watch) mark(gone error, peers ...netip.Addr) {
	w.mu.Lock()
	w.gone = gone
	for _, p := range peers {
		w.dirty[p] = true
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// look looks where follow has marked, until ctx ends, and now and then whether the
// daemon answers at all: one that stands still ends no connection.
func (w *watch) look(ctx context.Context) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			_, err := w.ask(ctx, w.peers[0])
			if (err != nil) != (w.missing() != nil) {
				w.mark(err, w.peers...)
			}
			continue
		case <-w.wake:
		}
		w.mu.Lock()
		dirty, gone := w.dirty, w.gone
		w.dirty = make(map[netip.Addr]bool)
		w.mu.Unlock()
		for _, p := range w.peers {
			if gone == nil && !dirty[p] {
				continue
			}
			s := sighting{peer: p, err: gone}
			if gone == nil {
				s.sessions, s.err = w.ask(ctx, p)
			}
			select {
			case w.to <- s:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (w *watch) ask(ctx context.Context, p netip.Addr) ([]client.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return w.daemon.Sessions(ctx, client.Filter{Peer: p})
}

// again has a peer looked at once more after a while.
func (w *watch) again(p netip.Addr, after time.Duration) {
	time.AfterFunc(after, func() { w.mark(w.missing(), p) })
}

// missing returns why the daemon does not answer; nil while it does.
func (w *watch) missing() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

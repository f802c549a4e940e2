package exabgp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// daemon is a stand-in for xbfd with one session.
type daemon struct {
	mu    sync.Mutex
	alive bool
	s     client.Session
	seq   uint64
	news  chan struct{} // closed and made anew with each change
}

func newDaemon() *daemon {
	d := &daemon{alive: true, news: make(chan struct{})}
	d.s = client.Session{Peer: netip.MustParseAddr("192.0.2.1"), State: "down", Clients: []client.SessionClient{{State: "down"}}}
	return d
}

func (d *daemon) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	d.seq++
	close(d.news)
	d.news = make(chan struct{})
}

func (d *daemon) set(state string) {
	d.change(func() {
		d.s.State, d.s.Clients[0].State = state, state
		d.s.Clients[0].Failed = state == "down"
	})
}

func (d *daemon) Sessions(_ context.Context, f client.Filter) ([]client.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.alive {
		return nil, client.ErrNoDaemon
	}
	if !f.Match(&d.s) {
		return nil, nil
	}
	s := d.s
	s.Clients = slices.Clone(s.Clients)
	return []client.Session{s}, nil
}

func (d *daemon) Events(ctx context.Context, q client.EventQuery, fn func(client.Event) error) error {
	for since := *q.Since; ; {
		d.mu.Lock()
		alive, seq, news := d.alive, d.seq, d.news
		d.mu.Unlock()
		if !alive {
			return client.ErrEnded
		}
		if seq > since {
			since = seq
			if err := fn(client.Event{Seq: seq, Session: &client.EventSession{Peer: d.s.Peer}}); err != nil {
				return err
			}
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rig is a Process between a daemon and an ExaBGP that the test plays.
type rig struct {
	d     *daemon
	lines chan string
	in    *io.PipeWriter
	ended chan error
	log   *bytes.Buffer
}

func start(t *testing.T, x config.ExaBGP) *rig {
	t.Helper()
	x.Routes = []config.ExaBGPRoute{{
		Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: "self", Hold: 5 * time.Second, Peer: netip.MustParseAddr("192.0.2.1"),
	}}
	in, feed := io.Pipe()
	out, to := io.Pipe()
	r := &rig{d: newDaemon(), lines: make(chan string, 16), in: feed, ended: make(chan error, 1), log: &bytes.Buffer{}}
	p := Process{Config: x, Daemon: r.d, In: in, Out: to, Log: slog.New(slog.NewTextHandler(r.log, nil))}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	go func() {
		r.ended <- p.Run(t.Context())
		_ = to.Close()
	}()
	return r
}

// want checks what ExaBGP has been told by now, "" for nothing.
func (r *rig) want(t *testing.T, line string) {
	t.Helper()
	synctest.Wait()
	got := ""
	select {
	case got = <-r.lines:
	default:
	}
	if got != line {
		t.Errorf("told %q, want %q", got, line)
	}
}

func (r *rig) answer(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(r.in, text+"\n"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// end closes ExaBGP's side.
func (r *rig) end(t *testing.T) {
	t.Helper()
	_ = r.in.Close()
	synctest.Wait()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	default:
		t.Fatal("it goes on without ExaBGP")
	}
}

const (
	announce = "announce route 198.51.100.0/24 next-hop self"
	withdraw = "withdraw route 198.51.100.0/24 next-hop self"
)

var kept = config.ExaBGP{Settle: 10 * time.Second, DaemonAway: "keep", AdminDown: "keep"}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// running is a daemon in this process and in a namespace of its own.
type running struct {
	client  *control.Client
	socket  string
	signals chan os.Signal
	done    chan error
	file    atomic.Pointer[string] // what Load reads
}

func run(t testing.TB, n *testnet.NS, file string) *running {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "sock")
	r := &running{client: control.NewClient(socket), socket: socket, signals: make(chan os.Signal, 4), done: make(chan error, 1)}
	r.file.Store(&file)
	load := func() (config.Config, error) {
		cfg, err := config.Parse([]byte(*r.file.Load()), "test.yaml")
		return config.Overrides{Control: socket}.Apply(cfg), err
	}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		r.done <- Run(context.Background(), cfg, Options{Version: "test", LogTo: t.Output(), Load: load, Signals: r.signals, In: n.Do})
	}()
	testnet.Eventually(t, 10*time.Second, "the daemon answers", func() bool {
		_, err := r.client.Status(t.Context())
		return err == nil
	})
	return r
}

func (r *running) up(t *testing.T) {
	t.Helper()
	testnet.Eventually(t, 20*time.Second, "every session is up", func() bool {
		s, err := r.client.Status(t.Context())
		return err == nil && s.Sessions.Up == s.Sessions.Total
	})
}

func (r *running) end(t testing.TB) {
	t.Helper()
	r.signals <- syscall.SIGTERM
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Run does not return")
	}
	r.client.Close()
}

const sessionsFile = `
shutdown-hold: 100ms
profiles: {p: {transmit-interval: %s, receive-interval: 50ms, detect-multiplier: 80}}
peers:
  - {peer: %s, profile: p}
`

// runTwo runs a daemon at each end of a link, with a session of each other's.
func runTwo(t *testing.T) (one, two *running) {
	t.Helper()
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "a", b, "b")
	a.AddAddr(t, "a", "192.0.2.1/24")
	b.AddAddr(t, "b", "192.0.2.2/24")
	one = run(t, a, fmt.Sprintf(sessionsFile, "50ms", "192.0.2.2"))
	two = run(t, b, fmt.Sprintf(sessionsFile, "50ms", "192.0.2.1"))
	return one, two
}

// A host that is slow to find its paths is no reason not to start.
func TestStartBeforePaths(t *testing.T) {
	was := settleTime
	settleTime = time.Nanosecond
	t.Cleanup(func() { settleTime = was })
	testnet.RequireRoot(t)
	one, two := runTwo(t)
	defer two.end(t)
	defer one.end(t)
	one.up(t)
	two.up(t)
}

// TestEverythingAtOnce lists, changes, adds, removes and reloads sessions from
// many sides while they run; the race detector watches the control plane.
func TestEverythingAtOnce(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	one, two := runTwo(t)
	defer two.end(t)
	defer one.end(t)
	one.up(t)
	two.up(t)

	var all sync.WaitGroup
	repeat := func(what string, fn func(ctx context.Context, i int) error) {
		all.Go(func() {
			for i := range 20 {
				if err := fn(t.Context(), i); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	mult := uint8(patient)
	spare := control.Target{X: "192.0.2.9"} // a peer that is not there
	repeat("list", func(ctx context.Context, _ int) error {
		_, err := one.client.Sessions(ctx, control.Filter{})
		return err
	})
	repeat("status", func(ctx context.Context, _ int) error { _, err := one.client.Status(ctx); return err })
	repeat("reload", func(ctx context.Context, i int) error {
		file := fmt.Sprintf(sessionsFile, []string{"50ms", "60ms"}[i%2], "192.0.2.2")
		one.file.Store(&file)
		_, err := one.client.Reload(ctx)
		return err
	})
	repeat("change", func(ctx context.Context, _ int) error {
		_, err := two.client.Change(ctx, control.Target{X: "192.0.2.1"}, control.SessionChange{DetectMult: &mult})
		return err
	})
	repeat("add and delete", func(ctx context.Context, _ int) error {
		if _, err := one.client.Add(ctx, control.SessionSpec{}); err == nil {
			return errors.New("a session with nobody was added")
		}
		if _, err := one.client.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.9")}); err != nil {
			return err
		}
		return one.client.Delete(ctx, spare)
	})
	all.Wait()
	one.up(t)
	s, err := one.client.Session(t.Context(), control.Target{X: "192.0.2.2"})
	if err != nil || s.Counters.Down != 0 || s.Counters.Up != 1 {
		t.Errorf("session %+v, %v", s, err)
	}
}

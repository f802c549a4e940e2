// Package controltest is a control.Backend without an engine, and a server for
// it, for tests of what talks to a daemon.
package controltest

import (
	"context"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// Backend keeps sessions in a map. Its sessions never change by themselves, and
// its times are fixed, so that answers can be compared byte by byte.
type Backend struct {
	mu       sync.Mutex
	sessions map[uint32]control.Session
	keys     map[uint32]control.Key // without their uses
	source   config.EchoSource
	next     uint32
	config   config.Config
	debug    control.Debug
	asked    string // transport of eth0

	// Err, when set, is what every method answers.
	Err error
	// Block, when set, makes every method wait for the end of its context.
	Block bool
	// Panic, when set, makes every method panic.
	Panic bool
	// Happened are the events that Events delivers, before it ends.
	Happened []control.Event
	// Report is what Reload answers.
	Report control.ReloadReport
}

// New returns a Backend that holds sessions.
func New(sessions ...control.Session) *Backend {
	b := &Backend{sessions: map[uint32]control.Session{}, keys: map[uint32]control.Key{}, next: 1000, asked: "auto"}
	for _, s := range sessions {
		b.sessions[s.LocalDiscriminator] = s
	}
	return b
}

// ready takes the lock, or answers what the test wants answered.
func (b *Backend) ready(ctx context.Context) error {
	b.mu.Lock()
	if b.Panic {
		b.mu.Unlock()
		panic("controltest: the test wants this")
	}
	if b.Block {
		b.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	if b.Err != nil {
		defer b.mu.Unlock()
		return b.Err
	}
	return nil
}

// Sessions implements control.Backend.
func (b *Backend) Sessions(ctx context.Context, f control.Filter) ([]control.Session, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	var list []control.Session
	for _, s := range b.sessions {
		if f.Match(&s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// EachSession implements control.Backend.
func (b *Backend) EachSession(ctx context.Context, f control.Filter, fn func(*control.Session) error) error {
	list, err := b.Sessions(ctx, f)
	slices.SortFunc(list, func(x, y control.Session) int { return control.PlaceOf(&x).Compare(control.PlaceOf(&y)) })
	for i := 0; i < len(list) && err == nil; i++ {
		err = fn(&list[i])
	}
	return err
}

// Session implements control.Backend.
func (b *Backend) Session(ctx context.Context, id uint32) (control.Session, error) {
	if err := b.ready(ctx); err != nil {
		return control.Session{}, err
	}
	defer b.mu.Unlock()
	return b.find(id)
}

func (b *Backend) find(id uint32) (control.Session, error) {
	s, ok := b.sessions[id]
	if !ok {
		return s, control.Errorf(control.CodeNotFound, "no session with local discriminator %d", id)
	}
	return s, nil
}

// change has do change a session; with an error it stays as it is.
func (b *Backend) change(ctx context.Context, id uint32, do func(*control.Session) error) (control.Session, error) {
	if err := b.ready(ctx); err != nil {
		return control.Session{}, err
	}
	defer b.mu.Unlock()
	s, err := b.find(id)
	if err == nil {
		err = do(&s)
	}
	if err == nil {
		b.sessions[id] = s
	}
	return s, err
}

// AddSession implements control.Backend.
func (b *Backend) AddSession(ctx context.Context, spec control.SessionSpec) (control.Session, error) {
	if err := b.ready(ctx); err != nil {
		return control.Session{}, err
	}
	defer b.mu.Unlock()
	p, err := control.Resolve(spec, nil)
	if err != nil {
		return control.Session{}, err
	}
	for _, s := range b.sessions {
		if k := asked(&s); k.Key() == p.Key() {
			return control.Session{}, &control.Error{Code: control.CodeExists, Field: "peer",
				Message: "there is a session with " + p.Peer.String() + " already"}
		}
	}
	if err := b.known(p.Auth); err != nil {
		return control.Session{}, err
	}
	b.next++
	s := created(b.next, p, "api")
	s.Auth = b.auth(p.Auth, nil)
	b.sessions[b.next] = s
	return s, nil
}

// ChangeSession implements control.Backend.
func (b *Backend) ChangeSession(ctx context.Context, id uint32, c control.SessionChange) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		p, err := control.Apply(c, asked(s))
		if err == nil {
			set(s, p)
		}
		return err
	})
}

// DeleteSession implements control.Backend.
func (b *Backend) DeleteSession(ctx context.Context, id uint32) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	s, err := b.find(id)
	if err != nil {
		return err
	}
	if s.Owner != "api" {
		return control.Errorf(control.CodeNotOwner, "the session with %s belongs to %s: remove it there", s.Peer, s.Owner)
	}
	delete(b.sessions, id)
	return nil
}

// Reload implements control.Backend.
func (b *Backend) Reload(ctx context.Context) (control.ReloadReport, error) {
	if err := b.ready(ctx); err != nil {
		return control.ReloadReport{}, err
	}
	defer b.mu.Unlock()
	return b.Report, nil
}

// Status implements control.Backend.
func (b *Backend) Status(ctx context.Context) (control.Status, error) {
	if err := b.ready(ctx); err != nil {
		return control.Status{}, err
	}
	defer b.mu.Unlock()
	st := control.Status{
		Version: "v0.1.0", PID: 4242, Started: When, UptimeSeconds: 3725.5,
		ConfigFile: "/etc/xbfd/xbfd.yaml", Control: "/run/xbfd.sock",
		LastReload: &control.LastReload{At: When},
		Process:    control.Process{CPUSeconds: 12.5, Memory: 18 << 20, GCCycles: 7, GCPause: 412, Allocs: 51200},
		Workers: []control.WorkerStatus{{
			ID: 0, CPU: 1, Scheduling: "fifo", Priority: 60, Stalls: 2, LongestStall: 4100, Wait: "sleep", Sleeps: 5120, Sessions: len(b.sessions),
		}},
		Interfaces: []control.InterfaceStatus{b.eth0()},
		DataPlanes: []control.DataPlane{{
			Client: "bfdd:unix:/run/frr/bfdd_dplane.sock", Address: "unix:/run/frr/bfdd_dplane.sock", Mode: "connect",
			Connected: true, Since: When, Hold: 30000, FD: 11, Sessions: 2, Unclaimed: 1, Connections: 3,
			Errors: map[string]uint64{"malformed": 1}, LastError: "bfdd has closed the connection",
			In:  control.DataPlaneTraffic{Bytes: 420, Messages: 3, Peak: 280},
			Out: control.DataPlaneTraffic{Bytes: 180, Messages: 5, Peak: 36},
		}},
		RxDiscarded: map[string]uint64{"no_session": 5},
		TxRefused:   2,
		Downs:       map[string]uint64{"control-expiry": 3},
		GoBGP: &control.GoBGPStatus{
			API: "127.0.0.1:50051", Connected: true, Neighbors: 3, Disabled: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Disables: 4, Enables: 3,
		},
		Routes:   control.RouteCounts{Total: 5, Installed: 2, Absent: 2, Refused: 1, Changes: 7, Errors: 4},
		Hooks:    []control.HookStatus{{Name: "on-bfd", Target: "/usr/local/bin/on-bfd", Done: 7}},
		Warnings: []string{"/etc/xbfd/xbfd.yaml:3:5: peers[0]: there is no profile \"fast\" (yet)"},
	}
	for _, s := range b.sessions {
		st.Sessions.Total++
		*map[string]*int{
			"up": &st.Sessions.Up, "init": &st.Sessions.Init, "down": &st.Sessions.Down, "admin-down": &st.Sessions.AdminDown,
		}[s.State]++
	}
	return st, nil
}

// IDs returns the discriminators of the sessions there are, sorted.
func (b *Backend) IDs() []uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.sessions))
}

// Serve answers for b on a socket of its own until t ends, and returns the
// socket's path.
func Serve(t testing.TB, b control.Backend) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "xbfd.sock")
	l, err := control.Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(b, nil).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return path
}

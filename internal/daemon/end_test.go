package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// end is a daemon in a namespace of its own, whose one peer is the other end.
type end struct {
	*control.Client
	t         testing.TB
	peer      netip.Addr
	transport string
	log       journal

	mu     sync.Mutex
	source string // of its configuration
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// The sessions here bear 4 s without a packet, for which nobody may have had the time
// on a busy machine. Those whose failure is the subject have a multiplier of their own.
const (
	interval  = 50 * time.Millisecond
	patient   = 80
	detection = patient * interval
)

// two returns two daemons with a session between them over sockets; more is what
// the file of each has besides.
func two(t *testing.T, moreA, moreB string) (a, b *end) {
	t.Helper()
	return twoOver(t, "udp", moreA, moreB)
}

func twoOver(t *testing.T, transport, moreA, moreB string) (a, b *end) {
	t.Helper()
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, left, "eth0", right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	a = startEnd(t, left, transport, "192.0.2.1", "192.0.2.2", moreA)
	b = startEnd(t, right, transport, "192.0.2.2", "192.0.2.1", moreB)
	return a, b
}

func startEnd(t *testing.T, ns *testnet.NS, transport, local, peer, more string) *end {
	t.Helper()
	e := &end{t: t, peer: netip.MustParseAddr(peer), transport: transport}
	e.source = e.file(local, more)
	return e.start(ns)
}

// startSource starts a daemon with a file.
func startSource(t *testing.T, ns *testnet.NS, file string) *end {
	t.Helper()
	return (&end{t: t, source: file}).start(ns)
}

func (e *end) start(ns *testnet.NS) *end {
	t := e.t
	t.Helper()
	socket := filepath.Join(t.TempDir(), "sock")
	e.Client = control.NewClient(socket)
	load := func() (config.Config, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		cfg, err := config.Parse([]byte(e.source), "xbfd.yaml")
		cfg.Control.Path = socket
		return cfg, err
	}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 2)
	done := make(chan error, 1)
	go func() {
		done <- Run(context.Background(), cfg, Options{LogTo: &e.log, Load: load, Signals: signals, In: ns.Do})
	}()
	t.Cleanup(func() {
		e.Close()
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		if err := <-done; err != nil {
			t.Errorf("daemon: %v", err)
		}
		if strings.Contains(e.log.String(), marker) {
			t.Errorf("a secret is in the log:\n%s", &e.log)
		}
	})
	testnet.Eventually(t, 10*time.Second, "the daemon answers", func() bool {
		_, err := e.Status(t.Context())
		return err == nil
	})
	return e
}

// marker is part of every secret here.
const marker = "hunter2"

// file makes a configuration: the first line of more goes into the session, the
// others follow it.
func (e *end) file(local, more string) string {
	own, rest, _ := strings.Cut(more, "\n")
	if !strings.Contains(own, "detect-multiplier") {
		own = fmt.Sprintf(", detect-multiplier: %d", patient) + own
	}
	return fmt.Sprintf("transport: %s\nshutdown-hold: 0s\npeers:\n  - {peer: %s, local-address: %s, interface: eth0, "+
		"transmit-interval: %v, receive-interval: %[4]v%s}\n%s", e.transport, e.peer, local, interval, own, rest)
}

// reload makes the daemon read a file with other keys and another auth.
func (e *end) reload(more string) (control.ReloadReport, error) {
	s := e.session()
	e.mu.Lock()
	e.source = e.file(s.Local.String(), more)
	e.mu.Unlock()
	return e.Reload(e.t.Context())
}

func (e *end) session() control.Session {
	e.t.Helper()
	s, err := e.Session(e.t.Context(), e.self())
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *end) auth() string { return show(e.session().Auth) }

// show writes an auth in short: "type key/bfd-key-id", and what follows.
func show(a *control.SessionAuth) string {
	if a == nil {
		return "none"
	}
	use := func(u control.AuthUse) string {
		if u.Type == "none" {
			return u.Type
		}
		return fmt.Sprintf("%s %d/%d", u.Type, u.Key, u.KeyID)
	}
	text := use(a.AuthUse)
	if a.Pending != nil {
		text += " then " + use(*a.Pending)
	}
	return text
}

func (e *end) setKey(id uint32, kind, secret string) error {
	_, err := e.SetKey(e.t.Context(), id, client.KeySpec{Type: kind, Secret: packet.NewSecret([]byte(secret))})
	return err
}

// change activates a key, or deactivates authentication with key 0.
func (e *end) change(key uint32, keyID uint8, delayed bool) {
	e.t.Helper()
	c := control.AuthChange{Off: true, Delayed: delayed}
	if key != 0 {
		c = control.AuthChange{Key: &key, KeyID: &keyID, Delayed: delayed}
	}
	if _, err := e.SetAuth(e.t.Context(), control.Target{X: e.peer.String()}, c); err != nil {
		e.t.Fatal(err)
	}
}

// keys lists the pool in short: "id:owner:uses".
func (e *end) keys() string {
	e.t.Helper()
	list, err := e.Keys(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	var words []string
	for _, k := range list {
		words = append(words, fmt.Sprintf("%d:%s:%d", k.ID, k.Owner, k.Uses))
	}
	return strings.Join(words, " ")
}

func waitUp(t *testing.T, ends ...*end) {
	t.Helper()
	for _, e := range ends {
		testnet.Eventually(t, 10*time.Second, "session is up", func() bool { return e.session().State == "up" })
	}
}

// settled waits until the ends authenticate as want says, and then until each has
// accepted more packets than can have been under way.
func settled(t *testing.T, want string, ends ...*end) {
	t.Helper()
	for _, e := range ends {
		testnet.Eventually(t, 5*time.Second, "authentication is "+want, func() bool { return e.auth() == want })
	}
	for _, e := range ends {
		before := e.session().Counters.Rx
		e.sees("more is accepted", func(s control.Session) bool { return s.Counters.Rx > before+8 })
	}
	for _, e := range ends {
		if s := e.session(); s.State != "up" || s.Counters.Up != 1 || s.Counters.Down != 0 || show(s.Auth) != want {
			t.Fatalf("at %s: state %s, auth %s, counters %+v, log\n%s", want, s.State, show(s.Auth), s.Counters, &e.log)
		}
	}
}

func refused(t *testing.T, err error, code control.Code, message string) {
	t.Helper()
	var e *control.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("got %v, want %s: …%s…", err, code, message)
	}
}

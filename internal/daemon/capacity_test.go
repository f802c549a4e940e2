package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestRefused: a session of the file that the workers cannot serve is told of
// once, and shown with what it waits for.
func TestRefused(t *testing.T) {
	var log journal
	d := &Daemon{log: slog.New(slog.NewTextHandler(&log, nil)), refused: make(map[config.Key]refusal), byKey: heldByKey()}
	for i := range 3 {
		p, faults := config.NewPeer(config.Key{Peer: netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", 3-i)), Interface: "eth0"}, "fast", config.Settings{}, nil)
		if faults != nil {
			t.Fatal(faults)
		}
		p.Line = 10 - i
		for range 2 { // the second time is no news
			if !d.refuse(p, fmt.Errorf("add: %w", &engine.LoadError{Need: 200, Load: 900, Capacity: 1000})) {
				t.Fatal("not refused")
			}
		}
	}
	if d.refuse(config.Peer{}, engine.ErrFull) {
		t.Error("any error counts as a want of capacity")
	}
	if n := strings.Count(log.String(), "session waits for capacity"); n != 3 {
		t.Errorf("%d lines\n%s", n, &log)
	}
	list := d.refusedSessions(control.Filter{Peer: netip.MustParseAddr("192.0.2.1")})
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	s := list[0]
	if s.LocalDiscriminator != 0 || s.State != "down" || s.Owner != "file" || s.Profile != "fast" || s.DesiredMinTx != 300_000 ||
		!strings.Contains(s.Path, "needs 200 packets/s, its worker serves 900 already and 1000 at most") {
		t.Errorf("%+v", s)
	}
	want := "sessions that wait for capacity: 3; the first is that with 192.0.2.1: add: the session needs 200 packets/s"
	if w := d.capacityWarnings(); len(w) != 1 || !strings.HasPrefix(w[0], want) {
		t.Errorf("warnings %q", w)
	}
}

// TestCapacity: what the workers cannot serve is refused with the figures; a
// session of the file waits until they can, and keeps nobody from starting.
func TestCapacity(t *testing.T) {
	t.Parallel()
	// 20 packets a second each way, and 20 of the peer's Echo in and out.
	const peer = "  - {peer: 192.0.2.3, interface: eth0, transmit-interval: 50ms, receive-interval: 50ms}\n"
	const workers = "workers: {capacity: 100, minimum-interval: 20ms}\n"
	a, b := two(t, "\n"+peer+workers, "")
	waitUp(t, a, b)

	const figures = "the session needs 80 packets/s, its worker serves 80 already and 100 at most"
	third := control.Target{X: "192.0.2.3"}
	s, err := a.Session(t.Context(), third)
	if err != nil || s.LocalDiscriminator != 0 || s.State != "down" || !strings.HasPrefix(s.Path, figures) {
		t.Errorf("%+v, %v", s, err)
	}
	st, err := a.Status(t.Context())
	if err != nil || st.Sessions.Total != 2 || st.Sessions.Down != 1 || len(st.Warnings) != 1 ||
		!strings.HasPrefix(st.Warnings[0], "sessions that wait for capacity: 1; the first is that with 192.0.2.3: "+figures) {
		t.Errorf("%+v, %v", st, err)
	}
	_, err = a.Change(t.Context(), third, control.SessionChange{Shutdown: ptr(true)})
	refused(t, err, control.CodeUnavailable, "the session does not run: "+figures)

	spec := control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.4")}
	spec.DesiredMinTx, spec.RequiredMinRx, spec.EchoRx = ptr(uint32(50_000)), ptr(uint32(50_000)), ptr(uint32(0))
	_, err = a.Add(t.Context(), spec)
	refused(t, err, control.CodeCapacity, "the session needs 40 packets/s, its worker serves 80 already and 100 at most")
	_, err = a.Change(t.Context(), a.self(), control.SessionChange{DesiredMinTx: ptr(uint32(20_000))})
	refused(t, err, control.CodeCapacity, "the session needs 110 packets/s, its worker serves 0 already and 100 at most")
	if s := a.session(); s.DesiredMinTx != 50_000 || s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("after a refused change: %+v", s)
	}

	// No wish makes it faster than the workers are allowed to be.
	if s := a.set(control.SessionChange{DesiredMinTx: ptr(uint32(3_300)), EchoRx: ptr(uint32(0))}); s.DesiredMinTx != 20_000 {
		t.Errorf("asked for 3.3 ms it is %d us", s.DesiredMinTx)
	}
	b.sees("the peer is told of 20 ms", func(s control.Session) bool { return s.RemoteDesiredMinTx == 20_000 })
	rows.CoversOn(t, rows.Wire, "5880-7-03", "7419-3-03")

	// Looping none leaves room for neither; a slower session does.
	if _, err := a.reload(", echo-receive-interval: disabled, dscp: 46\n" + peer + workers); err != nil {
		t.Fatal(err)
	}
	a.set(control.SessionChange{DesiredMinTx: ptr(uint32(200_000)), RequiredMinRx: ptr(uint32(200_000))})
	testnet.Eventually(t, 5*time.Second, "the other one starts", func() bool {
		s, err := a.Session(t.Context(), third)
		return err == nil && s.LocalDiscriminator != 0 && s.Path == "ready"
	})
	if st, err := a.Status(t.Context()); err != nil || len(st.Warnings) != 0 {
		t.Errorf("warnings %q, %v", st.Warnings, err)
	}
	if text := a.log.String(); strings.Count(text, "session waits for capacity") != 1 || strings.Count(text, "session admitted") != 1 {
		t.Errorf("log\n%s", text)
	}
}

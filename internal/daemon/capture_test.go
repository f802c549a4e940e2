package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/capture"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// states are the packets of a capture in short, each direction by itself.
func states(frames []client.CapturedFrame, direction string) (list []string) {
	for _, f := range frames {
		if f.Direction != direction {
			continue
		}
		var d packet.Datagram
		var c packet.Control
		packet.ParseEthernet(f.Frame, &d)
		c.Decode(d.Payload)
		if s := c.State.String(); len(list) == 0 || list[len(list)-1] != s {
			list = append(list, s)
		}
	}
	return list
}

// packets are those of a pcapng file in short, and when the first was.
func packets(t *testing.T, file []byte) (frames []client.CapturedFrame) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			return frames
		}
		direction := "rx"
		if data[33] == 2 { // to the peer, 192.0.2.2
			direction = "tx"
		}
		frames = append(frames, client.CapturedFrame{Time: info.Timestamp, Direction: direction, Frame: data})
	}
}

// A session's story is kept, is written by itself when the session fails, and can
// be watched, though no packet socket sees a single frame of it.
func TestCaptureOverXDP(t *testing.T) {
	dir := t.TempDir()
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	bridge := testnet.NewBridge(t)
	bridge.Join(t, left, "eth0")
	bridge.Join(t, right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	began := time.Now()
	a := startEnd(t, left, "xdp", "192.0.2.1", "192.0.2.2", ", detect-multiplier: 40\ncapture: {on-down: "+dir+"}")
	b := startEnd(t, right, "xdp", "192.0.2.2", "192.0.2.1", ", detect-multiplier: 40\ncapture: {frames: 0}")
	waitUp(t, a, b)
	testnet.Eventually(t, 10*time.Second, "the peer is heard by XDP", func() bool { return a.session().Counters.RxHeard > 3 })
	c, err := a.Capture(t.Context(), a.self())
	if err != nil {
		t.Fatal(err)
	}
	// Whoever is the first to be heard skips Init, and the peer's first packet may have
	// come before anybody listened here.
	for direction, stories := range map[string][][]string{
		"tx": {{"down", "init", "up"}, {"down", "up"}},
		"rx": {{"down", "init", "up"}, {"down", "up"}, {"init", "up"}},
	} {
		got := states(c.Frames, direction)
		if !slices.ContainsFunc(stories, func(s []string) bool { return slices.Equal(s, got) }) {
			t.Errorf("%s: %q", direction, got)
		}
	}
	heard := uint64(0)
	for _, f := range c.Frames {
		heard += f.Heard
		if f.Time.Before(began) || f.Time.After(time.Now()) || f.Last.Before(f.Time) {
			t.Errorf("a frame of %v to %v", f.Time, f.Last)
		}
	}
	if heard == 0 {
		t.Error("no frame says that it was heard")
	}
	if _, err := b.Capture(t.Context(), b.self()); err == nil || !strings.Contains(err.Error(), "capture.frames") {
		t.Errorf("frames: 0 answers %v", err)
	}
	watchLive(t, a)

	bridge.Cut(t, right, "eth0")
	testnet.Eventually(t, 10*time.Second, "a file is written", func() bool { return len(files(t, dir)) == 1 })
	bridge.Restore(t, right, "eth0")
	name := files(t, dir)[0]
	if want := fmt.Sprintf("xbfd-192.0.2.2-%d-2", a.session().LocalDiscriminator); !strings.HasPrefix(name, want) {
		t.Errorf("it is named %s, not %s…", name, want)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	frames := packets(t, text)
	if got := states(frames, "tx"); len(got) < 2 || got[len(got)-1] != "down" || got[len(got)-2] != "up" {
		t.Errorf("the file says we sent %q", got)
	}
	if got := states(frames, "rx"); len(got) == 0 || got[len(got)-1] != "up" {
		t.Errorf("the file says we received %q", got)
	}
}

// watchLive sees both directions of a session that XDP hears otherwise.
func watchLive(t *testing.T, e *end) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out journal
	done := make(chan error, 1)
	go func() { done <- e.CaptureTo(ctx, e.self(), true, &out) }()
	testnet.Eventually(t, 10*time.Second, "packets are watched", func() bool {
		text := out.String()
		if len(text) == 0 {
			return false
		}
		frames := packets(t, []byte(text))
		return len(states(frames, "rx")) > 0 && len(states(frames, "tx")) > 0 && len(frames) > 6
	})
	if s := e.session(); s.FastPath.Heard != "capture" {
		t.Errorf("watched, and heard is %q (%s)", s.FastPath.Heard, s.FastPath.Reason)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("live capture: %v", err)
	}
	testnet.Eventually(t, 10*time.Second, "heard again", func() bool { return e.session().FastPath.Heard == "active" })
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if strings.HasSuffix(f.Name(), ".pcapng") {
			names = append(names, f.Name())
		}
	}
	return names
}

// A password is in no capture; live ones are bounded, and end with the daemon.
func TestCapturePassword(t *testing.T) {
	a, b := two(t, ", auth: {key: 1, bfd-key-id: 1}\nkeys: [{id: 1, type: simple-password, secret: "+marker+"}]",
		", auth: {key: 1, bfd-key-id: 1}\nkeys: [{id: 1, type: simple-password, secret: "+marker+"}]\ncapture: {show-passwords: true}")
	waitUp(t, a, b)
	for e, shown := range map[*end]bool{a: false, b: true} {
		c, err := e.Capture(t.Context(), e.self())
		if err != nil || len(c.Frames) < 4 {
			t.Fatalf("%d frames, %v", len(c.Frames), err)
		}
		for _, f := range c.Frames {
			if bytes.Contains(f.Frame, []byte(marker)) != shown || f.Masked == shown {
				t.Errorf("shown %v: %q", shown, []byte(f.Frame))
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watching sync.WaitGroup
	for range maxWatchers {
		var out journal
		watching.Go(func() {
			if err := a.CaptureTo(ctx, a.self(), true, &out); err != nil {
				t.Errorf("watch: %v", err)
			}
		})
		testnet.Eventually(t, 10*time.Second, "somebody watches", func() bool { return out.String() != "" })
	}
	err := a.CaptureTo(t.Context(), a.self(), true, new(journal))
	var refused *control.Error
	if !errors.As(err, &refused) || refused.Code != control.CodeUnavailable {
		t.Errorf("one more: %v", err)
	}
	cancel()
	watching.Wait()
}

// Files are written one after the other, not too many are kept, and what cannot be
// written is told.
func TestCaptureFiles(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "mine.pcapng")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log journal
	c := newCaptures(slog.New(slog.NewTextHandler(&log, nil)), config.Capture{})
	peer := netip.MustParseAddr("fe80::1%eth0")
	of := func(id uint32) (control.Capture, error) {
		if id == 0 {
			return control.Capture{}, control.Errorf(control.CodeNotFound, "gone")
		}
		return control.Capture{Peer: peer, Discr: id}, nil
	}
	c.write(job{dir, down{discr: 0, peer: peer}}, of)
	for i := range capture.Kept + 5 {
		c.write(job{dir, down{discr: uint32(i + 1), peer: peer}}, of)
	}
	names := files(t, dir)
	if len(names) != capture.Kept+1 || !slices.Contains(names, "mine.pcapng") {
		t.Errorf("%d files are left", len(names))
	}
	if w := c.warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	c.write(job{filepath.Join(dir, "none"), down{discr: 1, peer: peer}}, of)
	for range waitingCaptures + 2 {
		c.ask(dir, down{discr: 1, peer: peer})
	}
	c.ask("", down{discr: 1})
	want := []string{
		"capture.on-down: 1 files could not be written, the last because: there is no directory " + dir + "/none: create it, or change capture.on-down",
		"capture.on-down: 2 failures have no file: they came faster than files are written",
	}
	if got := c.warnings(); !slices.Equal(got, want) {
		t.Errorf("warnings %q", got)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "xbfd-fe80--1-eth0-1-") {
		t.Errorf("the log says %s", &log)
	}
	c.run(of)()
}

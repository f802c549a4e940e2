package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/config"
)

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	gid := os.Getgid()
	l, err := Listen(config.Control{Path: path, Group: fmt.Sprint(gid), Mode: 0o660})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 || int(info.Sys().(*syscall.Stat_t).Gid) != gid {
		t.Errorf("socket: %v, %v", info, err)
	}

	if _, err := Listen(config.Control{Path: path, Mode: 0o660}); !errors.Is(err, ErrInUse) ||
		!strings.Contains(err.Error(), fmt.Sprintf("in use by another xbfd (process %d)", os.Getpid())) {
		t.Errorf("second listener: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestNeverOpen: even with no umask the socket is private before Listen has set
// its mode.
func TestNeverOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	defer unix.Umask(unix.Umask(0))
	l, err := bind(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("no stale socket to begin with: %v", err)
	}
	l, err := Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		c    config.Control
		want string
	}{
		{"a file", config.Control{Path: file}, "something else than a socket"},
		{"no directory", config.Control{Path: filepath.Join(dir, "no", "s")}, "there is no directory"},
		{"long path", config.Control{Path: "/" + strings.Repeat("x", 107)}, "at most 107 fit"},
		{"no group", config.Control{Path: filepath.Join(dir, "s"), Group: "no-such-group-here"}, `no group "no-such-group-here"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Listen(tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCloseLeavesTheNextOne: a socket that was removed by hand and made anew by
// another process is not ours to remove.
func TestCloseLeavesTheNextOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second socket is gone: %v", err)
	}
}

// TestRace: of many that start at once on a stale socket exactly one gets it.
func TestRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var wg sync.WaitGroup
	won := make(chan net.Listener, 8)
	for range cap(won) {
		wg.Go(func() {
			l, err := Listen(config.Control{Path: path, Mode: 0o600})
			switch {
			case err == nil:
				won <- l
			case !errors.Is(err, ErrInUse):
				t.Errorf("loser: %v", err)
			}
		})
	}
	wg.Wait()
	close(won)
	n := 0
	for l := range won {
		n++
		l.Close()
	}
	if n != 1 {
		t.Errorf("%d listeners on one path", n)
	}
}

func TestServeEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewServer(nil, nil).Serve(ctx, l); err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}

	l, err = net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := NewServer(nil, nil).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve on a closed listener: %v", err)
	}
}

func TestConnectionLimit(t *testing.T) {
	inner, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	l := newLimit(inner, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 4 {
		c, err := net.Dial("unix", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	if n := len(l.free); n != 2 {
		t.Errorf("%d of 2 places taken", n)
	}
	first.Close()
	first.Close() // frees one place, not two
	third := <-accepted
	if n := len(l.free); n != 2 {
		t.Errorf("%d of 2 places taken after one was freed twice", n)
	}
	// Full again: Accept waits for a place, and Close ends its waiting.
	l.Close()
	if c, more := <-accepted; more {
		t.Errorf("accepted %v beyond the limit", c)
	}
	second.Close()
	third.Close()
}

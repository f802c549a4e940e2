//go:build vm

package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
)

// daemon is a running xbfd.
type daemon struct {
	devices.NS
	cmd    *netns.Cmd
	client *control.Client
	log    *buffer
	exited chan struct{}
}

// start runs xbfd in a namespace with a configuration, until the test ends.
func start(t *testing.T, ns devices.NS, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "xbfd.yaml"), filepath.Join(dir, "sock")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	d := &daemon{NS: ns, client: control.NewClient(socket), log: &buffer{}, exited: make(chan struct{})}
	d.cmd = ns.Command(context.Background(), "/bin/xbfd", "run", "-c", file, "--control", socket)
	d.cmd.Stderr = d.log
	must(t, d.cmd.Start())
	go func() {
		_ = d.cmd.Wait()
		close(d.exited)
	}()
	t.Cleanup(func() {
		d.end()
		d.client.Close()
		if t.Failed() {
			t.Logf("xbfd in %s said:\n%s", ns.Name(), d.log)
		}
	})
	testnet.Eventually(t, patience, "xbfd answers", func() bool {
		select {
		case <-d.exited:
			t.Fatalf("xbfd in %s ended", ns.Name())
		default:
		}
		_, err := d.client.Status(t.Context())
		return err == nil
	})
	return d
}

// signal sends a signal to the process.
func (d *daemon) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// end has the process leave at once.
func (d *daemon) end() {
	_ = d.cmd.Process.Signal(syscall.SIGCONT)
	for range 100 { // the second makes it leave without a word
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.exited:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	_ = d.cmd.Process.Kill()
	<-d.exited
}

func (d *daemon) status(t *testing.T) control.Status {
	t.Helper()
	s, err := d.client.Status(t.Context())
	must(t, err)
	return s
}

func (d *daemon) sessions(t *testing.T) []control.Session {
	t.Helper()
	list, err := d.client.Sessions(t.Context(), control.Filter{})
	must(t, err)
	return list
}

// buffer is what a process has said so far.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write never fails.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all of it.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

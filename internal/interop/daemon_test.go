package interop

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/netns"
)

// daemon is a running `xbfd run -c FILE --control PATH`.
type daemon struct {
	*host
	cmd     *netns.Cmd
	file    string // empty without one
	control string // path of its socket
	client  *control.Client
	lack    *lack // what it runs without, nil if it has everything
	log     *journal
	exited  chan struct{} // closed when it is gone
	err     error         // then: of Wait
	ended   bool          // as it had to
}

// start runs xbfd with the configuration and waits until it says that it has
// started. It is stopped when the test ends.
func start(t testing.TB, h *host, config string) *daemon {
	t.Helper()
	d := launch(t, h, config)
	d.started(t)
	return d
}

// launchLacking is launch on a kernel that lacks something.
func launchLacking(t testing.TB, h *host, l lack, config string) *daemon {
	t.Helper()
	d := &daemon{host: h, lack: &l, file: filepath.Join(t.TempDir(), "xbfd.yaml")}
	d.write(t, config)
	d.run(t, filepath.Join(t.TempDir(), "sock"), "-c", d.file)
	return d
}

// launch runs xbfd without waiting for anything.
func launch(t testing.TB, h *host, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "xbfd.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	return launchFile(t, h, file, filepath.Join(dir, "sock"))
}

func launchFile(t testing.TB, h *host, file, socket string) *daemon {
	t.Helper()
	d := &daemon{host: h, file: file}
	d.run(t, socket, "-c", file)
	return d
}

// launchArgs is `xbfd run LOCAL PEER`, without a file.
func launchArgs(t testing.TB, h *host, args ...string) *daemon {
	t.Helper()
	d := &daemon{host: h}
	d.run(t, filepath.Join(t.TempDir(), "sock"), args...)
	return d
}

func (d *daemon) run(t testing.TB, socket string, args ...string) {
	t.Helper()
	d.control, d.exited = socket, make(chan struct{})
	d.log = newJournal(t, "xbfd in "+d.Name())
	d.client = control.NewClient(socket)
	t.Cleanup(d.client.Close)
	args = append([]string{"run", "--control", socket}, args...)
	if d.cmd = d.Command(context.Background(), ahead[0], slices.Concat(ahead[1:], []string{xbfdPath}, args)...); d.lack != nil {
		d.cmd = d.lack.command(context.Background(), d.host, args...)
	}
	d.cmd.Stderr = d.log
	must(t, d.cmd.Start())
	go func() {
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	t.Cleanup(func() { d.end(t) })
}

// started waits until it says so.
func (d *daemon) started(t testing.TB) {
	t.Helper()
	eventually(t, patience, "xbfd started", func() bool {
		select {
		case <-d.exited:
			t.Fatalf("xbfd ended: %v\n%s", d.err, d.log)
		default:
		}
		return len(d.log.lines(`msg=started`)) > 0
	})
}

// refused waits for xbfd to end by itself with status 1 and a message that
// matches.
func (d *daemon) refused(t testing.TB, message string) {
	t.Helper()
	select {
	case <-d.exited:
	case <-time.After(patience):
		t.Fatal("xbfd does not end")
	}
	d.ended = true
	if code := d.cmd.ProcessState.ExitCode(); code != 1 || len(d.log.lines(message)) != 1 {
		t.Errorf("status %d, want 1 and a line that matches %s in\n%s", code, message, d.log)
	}
	if _, err := os.Stat(d.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("control socket was left behind: %v", err)
	}
}

func (d *daemon) write(t testing.TB, config string) {
	t.Helper()
	must(t, os.WriteFile(d.file, []byte(config), 0o644))
}

// signal sends a signal to the process, which is still waited for.
func (d *daemon) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// stop asks xbfd to leave and returns its exit status.
func (d *daemon) stop(t testing.TB) int {
	t.Helper()
	d.signal(t, syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(patience):
		t.Fatal("xbfd does not end after SIGTERM")
	}
	return d.cmd.ProcessState.ExitCode()
}

// end insists: the second signal makes xbfd leave at once. One that comes when
// it has left all but the process list ends it as signals do.
func (d *daemon) end(t testing.TB) {
	if d.ended {
		return
	}
	d.signal(t, syscall.SIGCONT)
	for range 100 {
		d.signal(t, syscall.SIGTERM)
		select {
		case <-d.exited:
			how := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if how.ExitStatus() != 0 && how.Signal() != syscall.SIGTERM && !t.Failed() {
				t.Errorf("xbfd ended with %v:\n%s", d.err, d.log)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Errorf("xbfd does not end after many SIGTERMs:\n%s", d.log)
	_ = d.cmd.Process.Kill()
	<-d.exited
}

// reload writes another configuration, sends SIGHUP and returns when it has
// been read; the error is what was wrong with it.
func (d *daemon) reload(t testing.TB, config string) error {
	t.Helper()
	var before time.Time
	if r := d.status(t).LastReload; r != nil {
		before = r.At
	}
	d.write(t, config)
	d.signal(t, syscall.SIGHUP)
	var last *control.LastReload
	eventually(t, patience, "configuration read again", func() bool {
		last = d.status(t).LastReload
		return last != nil && last.At.After(before)
	})
	if last.Error != "" {
		return errors.New(last.Error)
	}
	return nil
}

func (d *daemon) status(t testing.TB) control.Status {
	t.Helper()
	s, err := d.client.Status(t.Context())
	must(t, err)
	return s
}

func (d *daemon) sessions(t testing.TB) []control.Session {
	t.Helper()
	list, err := d.client.Sessions(t.Context(), control.Filter{})
	must(t, err)
	return list
}

// session returns the one session with a peer.
func (d *daemon) session(t testing.TB, peer netip.Addr) control.Session {
	t.Helper()
	s, err := d.client.Session(t.Context(), control.Target{X: peer.String()})
	must(t, err)
	return s
}

// waitState waits until the session with a peer is in a state.
func (d *daemon) waitState(t testing.TB, peer netip.Addr, state string) control.Session {
	t.Helper()
	var s control.Session
	eventually(t, patience, "session with "+peer.String()+" is "+state, func() bool {
		s = d.session(t, peer)
		return s.State == state
	})
	return s
}

// waitUp waits until every session is Up.
func (d *daemon) waitUp(t testing.TB) {
	t.Helper()
	eventually(t, patience, "every session is up", func() bool {
		c := d.status(t).Sessions
		return c.Up == c.Total
	})
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// xbfd runs the program in a host's namespace to its end.
func xbfd(t testing.TB, h *host, args ...string) result {
	t.Helper()
	return finish(t, h.Command(t.Context(), xbfdPath, args...))
}

func finish(t testing.TB, c *netns.Cmd) result {
	t.Helper()
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

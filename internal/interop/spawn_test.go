package interop

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// process is another project's daemon, in the foreground, in a namespace. It
// ends with the test, and with the test's process even if that is killed.
type process struct {
	pid   int
	guard *netns.Cmd
	stdin io.Closer
	gone  chan struct{}
}

// ahead is how daemons are run: before the tests and whatever else a machine does that is
// busy. Where all were equal, bfdd and xbfd have stood still for two seconds.
var ahead = []string{"nice", "-n", "-10"}

// guardScript runs a program and kills it once standard input ends. A death
// signal would not do: it is lost when a program gives up root, as bfdd does.
const guardScript = `
exec 3<&0
"$@" </dev/null >&2 3<&- & program=$!
echo $program
{ read -r _ <&3; kill -KILL $program; } & guard=$!
wait $program
kill $guard 2>/dev/null`

// spawn starts a program; what it writes goes to a journal.
func spawn(t testing.TB, h *testnet.NS, log *journal, name string, args ...string) *process {
	t.Helper()
	p := &process{gone: make(chan struct{})}
	p.guard = h.Command(context.Background(), "/bin/sh", slices.Concat([]string{"-c", guardScript, "guard"}, ahead, []string{name}, args)...)
	p.guard.Stderr = log
	stdin, err := p.guard.StdinPipe()
	must(t, err)
	p.stdin = stdin
	stdout, err := p.guard.StdoutPipe()
	must(t, err)
	must(t, p.guard.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	p.pid, err = strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	go func() {
		_ = p.guard.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() { p.kill(t) })
	return p
}

// signal sends a signal to the program, unless it has ended.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	select {
	case <-p.gone:
		return
	default:
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// kill ends the program as a crash would, and waits.
func (p *process) kill(t testing.TB) {
	t.Helper()
	_ = p.stdin.Close()
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Errorf("process %d does not end", p.pid)
	}
}

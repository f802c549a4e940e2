package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
)

// patience is how long a program may take to start or to end.
const patience = 10 * time.Second

// startIn starts cmd in a namespace, on one core. What Ctrl-C means is for this
// process alone to decide, so cmd is out of reach of the terminal.
func startIn(ns *netns.NS, cpu int, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return ns.Do(func() error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var before unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return fmt.Errorf("ask for the usable cores: %w", err)
		}
		defer func() { _ = unix.SchedSetaffinity(0, &before) }()
		if err := setAffinity(0, cpu); err != nil {
			return err
		}
		return cmd.Start()
	})
}

// startPiped is startIn for a program that is talked to.
func startPiped(ns *netns.NS, cpu int, cmd *exec.Cmd, name string) (io.WriteCloser, io.Reader, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := startIn(ns, cpu, cmd); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", name, err)
	}
	return stdin, stdout, nil
}

// process is somebody's program, in the foreground. It ends with this process,
// however that ends.
type process struct {
	name  string
	pid   int
	stdin io.Closer
	gone  chan struct{}
}

// guardScript runs a program and kills it once standard input ends. A death
// signal would not do: it is lost when a program gives up root, as bfdd does.
const guardScript = `
exec 3<&0
"$@" </dev/null >&2 3<&- & program=$!
echo $program
{ read -r _ <&3; kill -KILL $program; } & guard=$!
wait $program
kill $guard 2>/dev/null`

// spawn starts a program in a namespace, on one core; what it writes goes to log.
func spawn(ns *netns.NS, cpu int, log io.Writer, env []string, name string, args ...string) (*process, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, "guard", name}, args...)...)
	cmd.Stderr, cmd.Env = log, append(os.Environ(), env...)
	stdin, stdout, err := startPiped(ns, cpu, cmd, name)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		line = strings.TrimSpace(line)
	}
	pid, convErr := strconv.Atoi(line)
	p := &process{name: name, pid: pid, stdin: stdin, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.gone)
	}()
	if err = errors.Join(err, convErr); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), p.kill())
	}
	return p, nil
}

// signal sends a signal to the program, unless it has ended.
func (p *process) signal(s unix.Signal) error {
	if p.ended() {
		return fmt.Errorf("signal %s: it has ended", p.name)
	}
	if err := unix.Kill(p.pid, s); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// kill ends the program as a crash would, and waits. One that was not started has
// ended.
func (p *process) kill() error {
	if p == nil {
		return nil
	}
	_ = p.stdin.Close()
	select {
	case <-p.gone:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s (process %d) does not end", p.name, p.pid)
	}
}

// part is this program doing something in a process of its own, which ends when
// its standard input does. See Part.
type part struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *json.Decoder
}

// startPart starts a part with its options in a namespace, on one core.
func startPart(ns *netns.NS, cpu int, program, name string, options any) (*part, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encode options of %s: %w", name, err)
	}
	cmd := exec.Command(program, "bench", "part", name, string(text))
	cmd.Stderr = os.Stderr
	// Nothing in a part may be stopped at an arbitrary instruction: it measures.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	stdin, stdout, err := startPiped(ns, cpu, cmd, name)
	if err != nil {
		return nil, err
	}
	return &part{cmd: cmd, stdin: stdin, out: json.NewDecoder(bufio.NewReader(stdout))}, nil
}

// send writes a request.
func (p *part) send(v any) error { return json.NewEncoder(p.stdin).Encode(v) }

// end lets the part go and waits for it.
func (p *part) end() error {
	_ = p.stdin.Close()
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("part of the bench: %w", err)
	}
	return nil
}

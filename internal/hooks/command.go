package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// result is how a run ended.
type result struct {
	err      error // nil: well
	timedOut bool
	retries  int
	stderr   string // its first line
}

// pipeTime is how long the pipes of a command may stay open after its end, by
// what has left its process group.
const pipeTime = 100 * time.Millisecond

// command runs a hook's program to its end, or to that of its time or of ctx, and
// ends with it all that the program has left in its process group.
func (r *Runner) command(ctx context.Context, j *job) result {
	args := j.ev.arguments(j.hook)
	stderr := &firstLine{}
	cmd := &exec.Cmd{
		Path: args[0], Args: args, Env: j.ev.environment(j.hook), Dir: "/",
		Stdin: bytes.NewReader(j.ev.body()), Stderr: stderr, WaitDelay: pipeTime,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := r.o.In(cmd.Start); err != nil {
		return result{err: notStarted(args[0], err)}
	}
	limited, cancel := context.WithTimeout(ctx, j.hook.Timeout)
	defer cancel()
	// Until Wait has been called the process keeps its number, and so does the
	// group: nobody else can be hit.
	group := func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	stop := context.AfterFunc(limited, group)
	err := awaitEnd(cmd.Process.Pid)
	ended := stop()
	group()
	if werr := cmd.Wait(); err == nil && !errors.Is(werr, exec.ErrWaitDelay) {
		err = werr
	}
	res := result{err: err, stderr: stderr.text()}
	switch {
	case ended || err == nil:
	case ctx.Err() != nil:
		res.err = errors.New("killed: xbfd ends")
	default:
		res.err, res.timedOut = fmt.Errorf("killed after %v", j.hook.Timeout), true
	}
	if res.err != nil && res.stderr != "" {
		res.err = fmt.Errorf("%w: %s", res.err, res.stderr)
	}
	return res
}

// awaitEnd returns when a child has ended, and leaves it to be waited for.
func awaitEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// notStarted says why a program did not start. The kernel's own words for a script
// mislead.
func notStarted(path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	_, missing := os.Stat(path)
	switch {
	case errno == unix.ENOENT && missing == nil:
		return fmt.Errorf("start %s: %w: it is there, but not the interpreter that its first line names", path, err)
	case errno == unix.ENOEXEC:
		return fmt.Errorf("start %s: %w: a script begins with a line such as #!/bin/sh", path, err)
	}
	return fmt.Errorf("start %s: %w", path, err)
}

// firstLine keeps the beginning of what is written.
type firstLine struct{ kept []byte }

const maxLine = 200 // bytes

// Write implements io.Writer.
func (f *firstLine) Write(p []byte) (int, error) {
	f.kept = append(f.kept, p[:min(len(p), maxLine-len(f.kept))]...)
	return len(p), nil
}

func (f *firstLine) text() string {
	line, _, _ := strings.Cut(strings.TrimLeft(string(f.kept), "\r\n"), "\n")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimRight(line, "\r"))
}

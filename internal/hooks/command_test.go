package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/client"
)

// sh returns a hook that has a shell run a script with two arguments.
func sh(t testing.TB, script, more string) *job {
	t.Helper()
	h := parse(t, fmt.Sprintf("hooks: [{name: h, on: down, run: [/bin/sh, -c, %q, sh, '{peer}', '{state} of {from}']%s}]", script, more))[0]
	ev := event("down", 1)
	return &job{hook: &h, ev: *ev, word: ev.word()}
}

func newRunner(t testing.TB) *Runner {
	r := New(Options{})
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		r.Close(now)
	})
	return r
}

// A command gets its arguments as they are, the event on standard input and in the
// environment, and nothing of this process.
func TestCommand(t *testing.T) {
	t.Setenv("HOME", "/somewhere")
	inherited, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // as from whoever started us: no O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	dir := t.TempDir()
	j := sh(t, fmt.Sprintf(`cd %s; cat > in; pwd > pwd; env > env; printf '%%s\n' "$@" > args; ls /proc/self/fd > fds; ps -o pgid= -p $$ > pgid; echo one >&2; echo two >&2`, dir), "")
	res := newRunner(t).command(t.Context(), j)
	if res.err != nil || res.stderr != "one" {
		t.Fatalf("%+v", res)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var ev client.Event
	if err := json.Unmarshal([]byte(read("in")), &ev); err != nil || ev.Seq != 7 || ev.Type != "session-down" {
		t.Errorf("standard input %s: %v", read("in"), err)
	}
	if got := read("args"); got != "192.0.2.1\ndown of up\n" {
		t.Errorf("arguments %q", got)
	}
	env := strings.Split(read("env"), "\n")
	if !slices.Contains(env, "XBFD_EVENT=down") || slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		t.Errorf("environment %q", env)
	}
	// ls itself opens one more, the directory.
	if fds := strings.Fields(read("fds")); len(fds) > 4 {
		t.Errorf("open descriptors %v", fds)
	}
	if pgid := strings.TrimSpace(read("pgid")); pgid == strconv.Itoa(unix.Getpgrp()) {
		t.Error("it runs in our process group")
	}
}

func TestCommandFails(t *testing.T) {
	r := newRunner(t)
	for script, want := range map[string]string{
		"printf 'no \\001way\\n' >&2; exit 3": "exit status 3: no ?way",
		"exit 3":                              "exit status 3",
		"kill -TERM $$":                       "signal: terminated",
	} {
		if res := r.command(t.Context(), sh(t, script, "")); fmt.Sprint(res.err) != want || res.timedOut {
			t.Errorf("%s: %+v, want %s", script, res, want)
		}
	}
	j := sh(t, "", "")
	j.hook.Run = []string{"/no/such/program"}
	if res := r.command(t.Context(), j); fmt.Sprint(res.err) != "start /no/such/program: no such file or directory" {
		t.Errorf("missing program: %+v", res)
	}
	for text, want := range map[string]string{
		"#!/no/such/sh\n": "no such file or directory: it is there, but not the interpreter",
		"echo\n":          "exec format error: a script begins with a line such as #!/bin/sh",
	} {
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		j.hook.Run = []string{script}
		if res := r.command(t.Context(), j); !strings.Contains(fmt.Sprint(res.err), want) {
			t.Errorf("%q: %v, want %s", text, res.err, want)
		}
	}
	if res := r.command(t.Context(), sh(t, "yes | head -c 10000000 >&2", "")); res.err != nil || len(res.stderr) > maxLine {
		t.Errorf("much on standard error: %v, %d bytes", res.err, len(res.stderr))
	}
}

// alive tells whether the process whose number a file has still runs.
func alive(t testing.TB, file string) bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// Whoever hangs is killed with all that it has started, however it ends.
func TestCommandIsKilledAsAGroup(t *testing.T) {
	r := newRunner(t)
	for name, tt := range map[string]struct{ script, more, want string }{
		"hangs":         {"sleep 100 & echo $! > FILE; wait", ", timeout: 200ms", "killed after 200ms"},
		"deaf":          {"trap '' TERM HUP INT; sleep 100 & echo $! > FILE; wait; wait", ", timeout: 200ms", "killed after 200ms"},
		"leaves a rest": {"sleep 100 & echo $! > FILE", "", "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			began := time.Now()
			res := r.command(context.Background(), sh(t, strings.ReplaceAll(tt.script, "FILE", file), tt.more))
			if fmt.Sprint(res.err) != tt.want || res.timedOut != (tt.want != "<nil>") || time.Since(began) > 3*time.Second {
				t.Errorf("%+v after %v, want %s", res, time.Since(began), tt.want)
			}
			for deadline := time.Now().Add(3 * time.Second); alive(t, file); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("what it started still runs")
				}
			}
		})
	}
}

// One that has left its group keeps neither the run nor its pipe.
func TestCommandLeavesItsGroup(t *testing.T) {
	began := time.Now()
	res := newRunner(t).command(t.Context(), sh(t, "setsid sleep 1.5 & sleep 0.1", ""))
	if took := time.Since(began); res.err != nil || took > 1200*time.Millisecond {
		t.Errorf("%+v after %v", res, took)
	}
}

func TestCommandIsEnded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	res := newRunner(t).command(ctx, sh(t, "sleep 100", ""))
	if diff := cmp.Diff("killed: xbfd ends", fmt.Sprint(res.err)); diff != "" || res.timedOut {
		t.Errorf("%+v", res)
	}
}

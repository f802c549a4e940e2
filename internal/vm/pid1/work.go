package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// left is the directory of files that go to the host at the end.
const left = "/left"

// work carries out the plan. What goes wrong before the port is open stands on
// the console.
func work() error {
	text, err := os.ReadFile(plan.File)
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	faults := load(p.Modules)
	if err := errors.Join(loopbackUp(), os.MkdirAll(left, 0o755)); err != nil {
		faults = append(faults, err.Error())
	}
	port, err := openPort()
	if err != nil {
		return errors.Join(err, fmt.Errorf("%q", faults))
	}
	defer port.Close()
	h := &host{out: json.NewEncoder(port)}
	h.send(plan.Message{Hello: &plan.Hello{Kernel: release(), Faults: faults}})
	for _, t := range p.Tests {
		h.run(t, p.Env)
	}
	h.sendLeft()
	h.send(plan.Message{Done: true})
	return h.err
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// host is the other end of the port.
type host struct {
	mu  sync.Mutex
	out *json.Encoder
	err error // the first
}

func (h *host) send(m plan.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.out.Encode(m); h.err == nil {
		h.err = err
	}
}

// run runs one test to its end.
func (h *host) run(t plan.Test, env []string) {
	c := exec.Command(t.Path(), t.Args...)
	c.Dir = "/tmp"
	c.Env = append([]string{
		"HOME=/tmp", "PATH=/bin",
		plan.CellsEnv + "=" + filepath.Join(left, plan.Cells), plan.RowsEnv + "=" + left,
	}, env...)
	out := &output{h: h, test: t.Name}
	c.Stdout, c.Stderr = out, out
	exit := &plan.Exit{Test: t.Name}
	if err := c.Run(); err != nil {
		exit.Error = err.Error()
	}
	h.send(plan.Message{Exit: exit})
}

// output passes on what a test prints.
type output struct {
	h    *host
	test string
}

var _ io.Writer = (*output)(nil)

// Write never fails: a test is not to die of a host that does not listen.
func (o *output) Write(p []byte) (int, error) {
	o.h.send(plan.Message{Output: &plan.Output{Test: o.test, Text: p}})
	return len(p), nil
}

func (h *host) sendLeft() {
	_ = filepath.WalkDir(left, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h.send(plan.Message{File: &plan.Left{Name: d.Name(), Text: text}})
		return nil
	})
}

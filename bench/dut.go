package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// setup is what an engine under test is started with.
type setup struct {
	lab      *lab
	program  string // xbfd
	dir      string // of its own, goes with it
	sessions int
	interval time.Duration
	mult     int
	fifo     bool
	transmit string
	wait     string
}

// dut is an engine under test.
type dut interface {
	// start starts it with all its sessions. It may return before they are up.
	start(ctx context.Context) error
	// ready prepares what is to be measured: real-time priority, above all.
	ready() error
	process() *process
	// downs is how often a session has left Up, as the engine itself tells.
	downs() (int, error)
	// read does one request to its management interface.
	read() error
	// facts are its version and how it works.
	facts() facts
	// said is the end of what it has written.
	said() string
	stop() error
}

// facts of an engine that a result names.
type facts struct {
	Version   string
	Transport string // as it tells
	Transmit  string // xdp, live, or socket
	Heard     string // whether the kernel takes in unchanged packets: on or off
	Insurance string // whether it answers while the engine is stopped: on or off
}

// Missing says what a measurement lacks on this machine.
type Missing struct{ What, Install string }

func (m *Missing) Error() string { return fmt.Sprintf("%s is missing: install %s", m.What, m.Install) }

// newDUT makes the engine of a name, not started.
func newDUT(name string, s setup) (dut, error) {
	switch name {
	case "xbfd":
		transport := "xdp"
		if s.transmit == "auto" {
			transport = "auto"
		}
		return &xbfdDUT{setup: s, transport: transport}, nil
	case "sockets":
		return &xbfdDUT{setup: s, transport: "udp"}, nil
	case "frr":
		return newFRR(s)
	case "bird":
		return newBIRD(s)
	}
	return nil, fmt.Errorf("no engine %q", name)
}

// journal keeps what an engine writes. It may be written and read at any time.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// journalMax bounds what is kept: a storm of thousands of sessions writes a lot.
const journalMax = 256 << 20

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.text.Len()+len(b) > journalMax {
		return len(b), nil
	}
	return j.text.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Count(j.text.Bytes(), []byte(what))
}

// said returns the end of the journal, for an error to show.
func (j *journal) said() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := j.text.Bytes()
	return string(b[max(0, len(b)-2000):])
}

var _ io.Writer = (*journal)(nil)

// makeRealTime gives every thread of an engine real-time priority.
func makeRealTime(pid int) error {
	err := eachThread(pid, func(tid int) error { return setPolicy(tid, unix.SCHED_FIFO, dutPriority) })
	if err != nil {
		return fmt.Errorf("give process %d real-time priority: %w", pid, err)
	}
	return nil
}

// write puts a file into an engine's directory.
func (s *setup) write(name, text string) error {
	return os.WriteFile(s.path(name), []byte(text), 0o644)
}

func (s *setup) path(name string) string { return filepath.Join(s.dir, name) }

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/capture"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// waitingCaptures is how many failures wait for their files.
const waitingCaptures = 32

// captures writes a file for each session that fails, one after the other, in a
// goroutine of its own: whoever notes the failure never waits.
type captures struct {
	log      *slog.Logger
	recorded config.Capture // what does not change before the next start
	jobs     chan job
	ended    chan struct{} // closed by end
	end      func()
	watchers atomic.Int64

	mu      sync.Mutex // guards what follows
	skipped uint64     // failures that came faster than files are written
	failed  uint64     // files that could not be written
	last    error      // why
}

type job struct {
	dir string
	down
}

// down is a failure of a session.
type down struct {
	discr uint32
	peer  netip.Addr
	at    session.Time
}

func newCaptures(log *slog.Logger, recorded config.Capture) *captures {
	c := &captures{log: log, recorded: recorded, jobs: make(chan job, waitingCaptures), ended: make(chan struct{})}
	c.end = sync.OnceFunc(func() { close(c.ended) })
	return c
}

// ask has a file written into dir, unless that is empty.
func (c *captures) ask(dir string, f down) {
	if dir == "" {
		return
	}
	select {
	case c.jobs <- job{dir, f}:
	default:
		c.mu.Lock()
		c.skipped++
		c.mu.Unlock()
	}
}

// run starts writing; of gives what is written of a session. The function that it
// returns ends it.
func (c *captures) run(of func(id uint32) (control.Capture, error)) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case j := <-c.jobs:
				c.write(j, of)
			case <-c.ended:
				return
			}
		}
	}()
	return func() {
		c.end()
		<-done
	}
}

func (c *captures) write(j job, of func(id uint32) (control.Capture, error)) {
	frames, err := of(j.discr)
	var refused *control.Error
	if errors.As(err, &refused) && refused.Code == control.CodeNotFound {
		return // removed meanwhile: nobody asks any more why it failed
	}
	name := ""
	if err == nil {
		name, err = capture.Keep(j.dir, &frames, wall()(int64(j.at)))
	}
	switch {
	case err == nil:
		c.log.Info("capture written", "session", j.discr, "peer", j.peer.String(), "file", name)
		return
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("there is no directory %s: create it, or change capture.on-down", j.dir)
	}
	c.mu.Lock()
	c.failed++
	c.last = err
	c.mu.Unlock()
	c.log.Error("capture of a session that failed", "session", j.discr, "peer", j.peer.String(), "err", err)
}

// warnings tells of files that are missing.
func (c *captures) warnings() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed > 0 {
		list = append(list, fmt.Sprintf("capture.on-down: %d files could not be written, the last because: %v", c.failed, c.last))
	}
	if c.skipped > 0 {
		list = append(list, fmt.Sprintf("capture.on-down: %d failures have no file: they came faster than files are written", c.skipped))
	}
	return list
}

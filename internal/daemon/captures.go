package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/capture"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

const (
	keptCaptures    = 100 // files in the directory; then the oldest goes
	waitingCaptures = 32  // failures that wait to be written
	captureMode     = fs.FileMode(0o640)
	capturePrefix   = "xbfd-"
	captureSuffix   = ".pcapng"
)

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
	name := filepath.Join(j.dir, fileName(j.peer, j.discr, wall()(int64(j.at))))
	if err == nil {
		err = writeCapture(name, &frames)
	}
	if err == nil {
		err = prune(j.dir)
	}
	if err == nil {
		c.log.Info("capture written", "session", j.discr, "peer", j.peer.String(), "file", name)
		return
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

// fileName says whose packets are in a file, and when the session failed.
func fileName(peer netip.Addr, discr uint32, at time.Time) string {
	plain := strings.NewReplacer(":", "-", "%", "-").Replace(peer.String())
	return fmt.Sprintf("%s%s-%d-%s%s", capturePrefix, plain, discr, at.UTC().Format("20060102T150405.000000Z"), captureSuffix)
}

// writeCapture writes a file that is whole as soon as it has its name.
func writeCapture(name string, c *control.Capture) (err error) {
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, captureMode)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s: create it, or change capture.on-down", filepath.Dir(name))
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(f.Chmod(captureMode), capture.File(f, c, "xbfd"), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// prune removes the oldest files of a directory that are too many. It touches no
// file of another name.
func prune(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	ours := make(map[string]time.Time)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), capturePrefix) || !strings.HasSuffix(e.Name(), captureSuffix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil {
			ours[e.Name()] = info.ModTime()
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return ours[a].Compare(ours[b]) })
	var errs []error
	for len(names) > keptCaptures {
		errs = append(errs, os.Remove(filepath.Join(dir, names[0])))
		names = names[1:]
	}
	return errors.Join(errs...)
}

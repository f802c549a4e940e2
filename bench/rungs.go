package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rung is a load under which an engine is watched. start begins it and returns
// what ends it and tells more about it.
type rung struct {
	name  string
	what  string
	cuts  bool // the detection is measured too
	start starter
	hold  func(ctx context.Context, r *rig) error // nil: just look on for as long as asked
}

func (l *rung) watch(ctx context.Context, r *rig) error {
	if l.hold != nil {
		return l.hold(ctx, r)
	}
	return r.watchFor(ctx, r.o.Hold, l.name)
}

// rungs is the ladder, from nothing to what is above any engine's priority.
var rungs = []rung{
	{"idle", "nothing else", true, nothing, nil},
	{"L1", "CPU hogs", true, stressNG("--cpu", "4"), nil},
	{"L2", "context switches", true, stressNG("--switch", "4", "--context", "2"), nil},
	{"L3", "timers", true, stressNG("--timer", "2", "--hrtimers", "1"), nil},
	{"L4", "real-time hog, FIFO 50", true, stressNG("--cpu", "1", "--sched", "fifo", "--sched-prio", "50"), nil},
	{"L5", "kernel-heavy", true, stressNG("--fork", "4", "--vm", "2", "--vm-bytes", "256M", "--sock", "2"), nil},
	{"above", "real-time hog, FIFO 65", true, stressNG("--cpu", "1", "--sched", "fifo", "--sched-prio", "65"), nil},
	{"stop-50ms", "SIGSTOP for 50 ms", false, nothing, stopping(50 * time.Millisecond)},
	{"stop-200ms", "SIGSTOP for 200 ms", false, nothing, stopping(200 * time.Millisecond)},
	{"stop-1s", "SIGSTOP for 1 s", false, nothing, stopping(time.Second)},
	{"stop-2s", "SIGSTOP for 2 s", false, nothing, stopping(2 * time.Second)},
	{"api", "100 reads a second", true, reading(100), nil},
	{"flood-300k", "300,000 bogus packets a second", true, flooding(300_000), nil},
	{"flood-800k", "800,000 bogus packets a second", true, flooding(800_000), nil},
}

// RungNames are the names of the loads that Stress knows.
func RungNames() (names []string) {
	for _, r := range rungs {
		names = append(names, r.name)
	}
	return names
}

type starter = func(context.Context, *rig, time.Duration) (func() (string, error), error)

func nothing(context.Context, *rig, time.Duration) (func() (string, error), error) {
	return func() (string, error) { return "", nil }, nil
}

// stressNG loads the core of the engine under test, or both.
func stressNG(args ...string) starter {
	return func(_ context.Context, r *rig, d time.Duration) (func() (string, error), error) {
		if _, err := exec.LookPath("stress-ng"); err != nil {
			return nil, &Missing{"stress-ng", "package stress-ng"}
		}
		cores := fmt.Sprint(r.lab.dutCPU)
		if r.o.BothCores {
			cores = fmt.Sprintf("%d,%d", r.lab.dutCPU, r.lab.loadCPU)
		}
		all := append([]string{"--quiet", "--temp-path", r.dir, "--taskset", cores, "--timeout", fmt.Sprintf("%ds", int(2*d.Seconds())+10)}, args...)
		p, err := spawn(r.lab.load, r.lab.loadCPU, io.Discard, nil, "stress-ng", all...)
		if err != nil {
			return nil, err
		}
		return func() (string, error) {
			if p.ended() {
				return "", errors.Join(errors.New("stress-ng has ended early"), p.kill())
			}
			// Hogs at real-time priority keep their parent from running, so it cannot
			// end them: each is killed, they first.
			err := killDescendants(p.pid)
			return "", errors.Join(err, p.kill())
		}, nil
	}
}

// stopping stops the engine under test again and again. It runs for a moment
// before, so that there is a packet to count from, and for a second after.
func stopping(d time.Duration) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		p := r.dut.process()
		for end := time.Now().Add(r.o.Hold); time.Now().Before(end); {
			if err := r.pause(ctx, 2*r.o.Interval); err != nil {
				return err
			}
			if err := p.signal(unix.SIGSTOP); err != nil {
				return err
			}
			err := r.pause(ctx, d)
			if err := errors.Join(p.signal(unix.SIGCONT), err, r.pause(ctx, time.Second)); err != nil {
				return err
			}
		}
		return nil
	}
}

// reading reads the engine's management interface so often a second.
func reading(rate int) starter {
	return func(ctx context.Context, r *rig, _ time.Duration) (func() (string, error), error) {
		ctx, cancel := context.WithCancel(ctx)
		var group sync.WaitGroup
		done, failed, start := 0, 0, time.Now()
		group.Go(func() {
			every := time.NewTicker(time.Second / time.Duration(rate))
			defer every.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-every.C:
				}
				if done++; r.dut.read() != nil {
					failed++
				}
			}
		})
		return func() (string, error) {
			cancel()
			group.Wait()
			return fmt.Sprintf("%.0f reads a second, %d failed", float64(done)/time.Since(start).Seconds(), failed), nil
		}, nil
	}
}

// flooding sends packets at the engine that it must not believe.
func flooding(pps int) starter {
	return func(_ context.Context, r *rig, _ time.Duration) (func() (string, error), error) {
		p, err := startPart(r.lab.load, r.lab.loadCPU, r.program, "flood", floodOptions{Sessions: r.n, PPS: pps})
		if err != nil {
			return nil, err
		}
		return func() (string, error) {
			_ = p.stdin.Close()
			var sent flooded
			err := p.out.Decode(&sent)
			return fmt.Sprintf("%.0f bogus packets a second", sent.PPS), errors.Join(err, p.end())
		}, nil
	}
}

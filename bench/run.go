package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// rig is an engine under test, running, and the load peer.
type rig struct {
	o       Options
	name    string
	n       int // sessions
	lab     *lab
	peer    *peerLink
	dut     dut
	dir     string
	program string
	say     *printer

	price    price // of the load peer's sends
	facts    facts
	started  int64 // CLOCK_MONOTONIC, ns
	up       int
	timeToUp time.Duration
	atUp     reply
	cutDowns int // those that a cut under load has caused
}

// bringUp builds everything and waits until all sessions are up at both ends, or
// until there is no hope. Whoever gets a rig closes it.
func bringUp(ctx context.Context, o Options, name string, n int, say *printer) (_ *rig, err error) {
	r := &rig{o: o, name: name, n: n, say: say, program: o.Program}
	defer func() {
		if err != nil {
			err = errors.Join(explain(ctx, err), r.close())
		}
	}()
	if r.program == "" {
		if r.program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	if r.dir, err = os.MkdirTemp("", "xbfd-bench-"); err != nil {
		return nil, err
	}
	say.progress("%s, %d sessions: building", name, n)
	if r.lab, err = newLab(ctx, n); err != nil {
		return nil, err
	}
	make := newDUT
	if o.routes > 0 {
		make = newRouter
		if err := r.lab.addUplinks(o.routes); err != nil {
			return nil, fmt.Errorf("build the uplinks: %w", err)
		}
	}
	r.dut, err = make(name, setup{
		lab: r.lab, program: r.program, dir: r.dir, sessions: n, interval: o.Interval, mult: o.Mult,
		fifo: o.fifo(name), transmit: o.Transmit, wait: o.Wait,
	})
	if err != nil {
		return nil, err
	}
	if err := r.startPeer(); err != nil {
		return nil, err
	}
	return r, r.start(ctx)
}

// startPeer has it ready, and knows what its sends cost.
func (r *rig) startPeer() (err error) {
	live := r.o.peerLive(r.name, r.n)
	if live {
		release, absorbErr := r.lab.absorb()
		if absorbErr != nil {
			return absorbErr
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	r.peer, err = startPeer(r.lab, r.program, peerOptions{
		Sessions: r.n, Interval: uint32(r.o.Interval.Microseconds()), Mult: r.o.Mult, FIFO: peerPriority,
		Heard: !r.o.everyPacket, Live: live,
	})
	if err != nil {
		return err
	}
	idle, err := r.peer.ask(request{Op: opSend}) // it is ready once it answers
	r.price = idle.Send
	return err
}

// explain adds to an error what the user has to do with it.
func explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("ended early: %w", context.Cause(ctx))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: a measurement needs root, in a container also the privileges of its host", err)
	}
	return err
}

// upPatience is how long sessions may take to come up: bfdd reads thousands of
// them slowly, and a session sends once a second before it is up.
const upPatience = 60 * time.Second

func (r *rig) start(ctx context.Context) error {
	r.started = int64(now())
	if err := r.dut.start(ctx); err != nil {
		return err
	}
	settled, last, since := false, 0, time.Now()
	for limit := time.Now().Add(upPatience); !settled && time.Now().Before(limit); {
		if err := r.pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		var err error
		if r.atUp, err = r.peer.look(); err != nil {
			return err
		}
		r.say.progress("%s: %d of %d up", r.name, r.atUp.Up, r.n)
		if r.atUp.Up != last {
			last, since = r.atUp.Up, time.Now()
		}
		settled = r.atUp.AllUpAt != 0 || last > 0 && time.Since(since) > upPatience/4
	}
	r.up = r.atUp.Up
	if r.atUp.AllUpAt != 0 {
		r.up = r.n // one may have failed since, which is for the measurement to see
		r.timeToUp = time.Duration(r.atUp.AllUpAt - r.started)
	}
	r.facts = r.dut.facts()
	return r.dut.ready()
}

// settle lets the Polls that follow coming up end, and forgets what was seen.
func (r *rig) settle(ctx context.Context) error {
	if err := r.pause(ctx, 500*time.Millisecond+4*r.o.Interval); err != nil {
		return err
	}
	r.facts = r.dut.facts() // no Poll keeps it from what it does all the time
	_, err := r.peer.ask(request{Op: opReset})
	return err
}

// pause waits while the engine under test runs.
func (r *rig) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.dut.process().gone:
		return fmt.Errorf("%s has ended by itself: %s", r.name, r.dut.said())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watchFor lets the sessions run for a time and shows how they do.
func (r *rig) watchFor(ctx context.Context, d time.Duration, what string) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := r.pause(ctx, min(left, 500*time.Millisecond)); err != nil {
			return err
		}
		look, err := r.peer.look()
		if err != nil {
			return err
		}
		r.say.progress("%s: %s, %v left, %d up, %d and %d Downs", r.name, what,
			max(time.Until(end), 0).Round(time.Second), look.Up, look.DownsDUT, look.DownsPeer)
	}
}

// allUp waits until every session is up again.
func (r *rig) allUp(ctx context.Context, within time.Duration) (bool, error) {
	for end := time.Now().Add(within); time.Now().Before(end); {
		look, err := r.peer.look()
		if err != nil {
			return false, err
		}
		if look.Up == r.n {
			return true, nil
		}
		if err := r.pause(ctx, 20*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}

// close ends everything that was started and removes what was made.
func (r *rig) close() error {
	var errs []error
	if r.dut != nil {
		if p := r.dut.process(); p != nil {
			_ = p.signal(unix.SIGCONT)
		}
		errs = append(errs, r.dut.stop())
	}
	if r.peer != nil {
		errs = append(errs, r.peer.part.end())
	}
	if r.lab != nil {
		errs = append(errs, r.lab.close())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/packet"
)

// captured is what was recorded of a session, each frame in a few words.
func (r *rig) captured(discr uint32) []string {
	r.t.Helper()
	return shortly(r.t, r.frames(discr))
}

func (r *rig) frames(discr uint32) []flight.Frame {
	r.t.Helper()
	w := r.e.workers[r.e.WorkerOf(discr)]
	i, ok := w.lookup(discr)
	if !ok {
		r.t.Fatalf("no session %#x", discr)
	}
	return w.capture(i)
}

func shortly(t testing.TB, frames []flight.Frame) (list []string) {
	t.Helper()
	for _, f := range frames {
		var d packet.Datagram
		var c packet.Control
		packet.ParseEthernet(f.Data, &d)
		c.Decode(d.Payload)
		s := "rx "
		if f.Sent {
			s = "tx "
		}
		s += c.State.String()
		for _, w := range []struct {
			word string
			on   bool
		}{{" P", c.Poll}, {" F", c.Final}, {" heard", f.Heard > 0}, {" rebuilt", f.Rebuilt}} {
			if w.on {
				s += w.word
			}
		}
		if f.Drop != packet.DropNone {
			s += " " + f.Drop.String()
		}
		list = append(list, s)
	}
	return list
}

// The story of a session: each step of the handshake once, then silence about what
// only repeats.
func TestCapture(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(sec)
	r.up(d, 1)
	r.run(100 * ms)
	want := []string{
		"tx down", "rx down", "tx init", "rx up", "tx up P",
		"rx up F", "rx up", "rx up F", "rx up", "rx up F", "rx up", "tx up",
	}
	if diff := cmp.Diff(want, r.captured(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 20 {
		r.hear(0, r.rx(1, control(1, packet.Up, d)))
		r.run(40 * ms)
	}
	frames := r.frames(d)
	if diff := cmp.Diff(want, shortly(t, frames)); diff != "" {
		t.Errorf("repeats (-want +got):\n%s", diff)
	}
	for _, f := range frames[len(frames)-2:] {
		if f.Repeats < 10 || f.Last <= f.At {
			t.Errorf("%d repeats from %d to %d", f.Repeats, f.At, f.Last)
		}
	}
	r.run(sec)
	r.hear(0, r.rx(1, control(1, packet.Down, 0)))
	if got := r.captured(d); got[len(got)-1] != "rx down" && got[len(got)-2] != "rx down" {
		t.Errorf("after a failure: %q", got)
	}
}

// What was discarded is there with its reason, whether it names the session or
// only has its addresses.
func TestCaptureDiscarded(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(sec)
	r.up(d, 1)
	for name, edit := range map[string]func(*Rx){
		"ttl":                   func(rx *Rx) { rx.TTL = 254 },
		"auth_unexpected":       func(rx *Rx) { rx.Payload = append(rx.Payload, 1, 4, 1, 'x'); rx.Payload[1] |= 4; rx.Payload[3] = 28 },
		"bad_version":           func(rx *Rx) { rx.Payload[0] = 0 },
		"zero_mult":             func(rx *Rx) { rx.Payload[2] = 0 },
		"bad_checksum":          func(rx *Rx) { rx.Drop = packet.DropBadChecksum },
		"unknown_your_discr":    func(rx *Rx) { rx.Payload[8] ^= 1 },
		"zero_your_discr_state": func(rx *Rx) { clear(rx.Payload[8:12]) },
	} {
		rx := r.rx(1, control(1, packet.Up, d))
		edit(&rx)
		r.hear(0, rx)
		frames := r.frames(d)
		at := slices.IndexFunc(frames, func(f flight.Frame) bool { return f.Drop.String() == name })
		if at < 0 || frames[at].Sent || frames[at].At != int64(r.now) {
			t.Errorf("%s: %q", name, shortly(t, frames))
		}
		r.run(ms)
	}
	before := len(r.frames(d))
	stranger := r.rx(9, control(9, packet.Up, 0xdeadbeef))
	r.hear(0, stranger)
	if n := len(r.frames(d)); n != before {
		t.Error("a stranger's packet is in it")
	}
}

// What the XDP program hears is told by the packet that it repeats, or where that
// has gone by the image.
func TestCaptureHeard(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(10 * sec)
	last := func() flight.Frame {
		frames := b.frames(b.discr)
		at := slices.IndexFunc(frames, func(f flight.Frame) bool { return f.Heard > 0 })
		if at < 0 {
			t.Fatalf("nothing heard: %q", shortly(t, frames))
		}
		return frames[at]
	}
	f := last()
	if st := b.status(b.discr); f.Heard != st.RxHeard || f.Last != int64(st.LastRx) || f.Rebuilt {
		t.Errorf("heard %d until %d, status says %d until %d", f.Heard, f.Last, st.RxHeard, st.LastRx)
	}
	w := b.e.workers[0]
	i, _ := w.lookup(b.discr)
	w.recorder.Forget(i)
	before := b.status(b.discr).RxHeard
	w.recorder.Expect(i, before)
	b.let(sec)
	st := b.status(b.discr)
	got := b.captured(b.discr)
	if slices.Sort(got); !cmp.Equal(got, []string{"rx up heard rebuilt", "tx up rebuilt"}) {
		t.Errorf("put together: %q", got)
	}
	if f := last(); f.Heard != st.RxHeard-before || f.At != int64(st.LastRx) {
		t.Errorf("put together: heard %d, the last at %d, want %d at %d", f.Heard, f.At, st.RxHeard-before, st.LastRx)
	}
	b.quiet = true
	b.let(sec)
	if f := last(); f.Heard != st.RxHeard-before {
		t.Errorf("after the failure: heard %d, want %d", f.Heard, st.RxHeard-before)
	}
}

// Whoever watches misses nothing, and when he stops all is as before.
func TestTap(t *testing.T) {
	b := newHeardBed(t, p50)
	b.let(sec)
	tap := flight.NewTap(false)
	b.ask(func(ctx context.Context) error { return b.e.Tap(ctx, b.discr, tap) })
	before := b.status(b.discr)
	b.let(sec)
	st := b.status(b.discr)
	if st.Heard != HeardCapture || st.RxHeard != before.RxHeard {
		t.Errorf("watched: %v, heard %d", st.Heard, st.RxHeard-before.RxHeard)
	}
	var rx, tx uint64
	for _, f := range tap.Take(nil) {
		if f.Sent {
			tx++
		} else {
			rx++
		}
	}
	if rx != st.Counters.Rx-before.Counters.Rx || tx != st.Counters.Tx-before.Counters.Tx || rx < 20 || tap.Lost() != 0 {
		t.Errorf("seen %d in and %d out, counted %d and %d", rx, tx, st.Counters.Rx-before.Counters.Rx, st.Counters.Tx-before.Counters.Tx)
	}
	b.ask(func(ctx context.Context) error { return b.e.Untap(ctx, b.discr, tap) })
	b.let(sec)
	if st := b.status(b.discr); st.Heard != HeardActive || len(tap.Take(nil)) != 0 || tap.Ended() {
		t.Errorf("no longer watched: %v", st.Heard)
	}
	b.ask(func(ctx context.Context) error { return b.e.Tap(ctx, b.discr, tap) })
	if err := b.e.Remove(b.discr, -1); err != nil {
		t.Fatal(err)
	}
	b.step()
	if !tap.Ended() || len(b.e.workers[0].taps) != 0 {
		t.Error("the session is gone, the tap is not")
	}
}

// Sessions that are not there, and workers that do not answer, are errors that
// leave nothing behind.
func TestCaptureErrors(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.run(ms)
	r.ask(func(ctx context.Context) error {
		if _, err := r.e.Capture(ctx, d^1); !errors.Is(err, ErrUnknown) {
			return fmt.Errorf("unknown session: %w", err)
		}
		if frames, err := r.e.Capture(ctx, d); err != nil || len(frames) == 0 {
			return fmt.Errorf("%d frames, %v", len(frames), err)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.e.Tap(ctx, d, flight.NewTap(false)); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody steps: %v", err)
	}
	r.step()
	if n := len(r.e.workers[0].taps); n != 0 {
		t.Errorf("%d taps left", n)
	}
}

// ask runs something that waits for the workers, and steps them meanwhile.
func (r *rig) ask(fn func(context.Context) error) {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- fn(r.t.Context()) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				r.t.Fatal(err)
			}
			return
		default:
			r.step()
		}
	}
}

// A watched session costs no allocation either.
func TestTapDoesNotAllocate(t *testing.T) {
	b := newHeardBed(t, p50)
	to := flight.NewTap(false)
	w := b.e.workers[0]
	i, _ := w.lookup(b.discr)
	w.taps, w.slots[i].watched = append(w.taps, tap{i, to}), true
	rx := b.framed(b.peer)
	if n := testing.AllocsPerRun(100, func() {
		w.datagram(&rx, ifindex, b.now)
		w.recordTx(i, rx.Frame, true, b.now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(to.Take(nil)) < 100 {
		t.Error("nothing was watched")
	}
}

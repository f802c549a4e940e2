package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// drive steps the workers on this goroutine while fn runs on another.
func (r *rig) drive(fn func()) {
	r.t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	for {
		select {
		case <-done:
			return
		default:
			r.step()
		}
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t, 2)
	p := session.Params{DesiredMinTx: 20_000, RequiredMinRx: 30_000, DetectMult: 5}
	d, err := r.e.Add(Spec{Params: p, DSCP: 48})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.e.SetPath(d, pathTo(1)); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.up(d, 1)
	var got Status
	r.drive(func() { got, err = r.e.Status(t.Context(), d) })
	if err != nil {
		t.Fatal(err)
	}
	want := Status{
		At: r.now, Discr: d, Params: p, State: packet.Up,
		Remote: session.Remote{
			State: packet.Up, DetectMult: 3, Discr: peerDiscr(1), DesiredMinTx: 50_000, RequiredMinRx: 50_000,
		},
		LastRx: r.now, AdvertisedMinTx: 20_000, AdvertisedMinRx: 30_000,
		TxInterval: 50_000, DetectionTime: int64(150 * ms),
		SourcePort: got.SourcePort, DSCP: 48, MinTTL: 254, HasPath: true, Path: pathTo(1),
		Change:   Change{At: r.now, From: packet.Init, To: packet.Up, Remote: packet.Up},
		Counters: got.Counters,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got.Counters.Rx != 8 || got.Counters.Up != 1 {
		t.Errorf("counters %+v", got.Counters)
	}
	r.drive(func() { _, err = r.e.Status(t.Context(), d+1) })
	if !errors.Is(err, ErrUnknown) {
		t.Errorf("status of no session: %v", err)
	}
}

// All sessions, whatever slot and worker, in bounded pieces.
func TestStatuses(t *testing.T) {
	const n = 2*statusChunk + 100
	r := newRig(t, 2)
	want := make(map[uint32]bool)
	for i := range n {
		want[r.add(p50, i)] = true
	}
	var got []Status
	var err error
	r.drive(func() { got, err = r.e.Statuses(t.Context(), nil) })
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range got {
		if !want[st.Discr] {
			t.Errorf("session %#x twice or not ours", st.Discr)
		}
		delete(want, st.Discr)
	}
	if len(want) != 0 {
		t.Errorf("%d sessions missing", len(want))
	}
}

func TestTotals(t *testing.T) {
	r := newRig(t, 2)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	for queue := range 2 {
		r.hear(queue, r.rx(1, control(1, packet.Up, 0)))
	}
	if err := r.e.Remove(d, -1); err != nil {
		t.Fatal(err)
	}
	var got Totals
	var err error
	r.drive(func() { got, err = r.e.Totals(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	want := Totals{Rx: 8, Tx: got.Tx}
	want.Drops[packet.DropZeroYourDiscrState] = 2
	if diff := cmp.Diff(want, got); diff != "" || got.Tx == 0 {
		t.Errorf("totals of a session that is gone (-want +got):\n%s", diff)
	}
}

// A worker that does not run is not waited for beyond the context.
func TestStatusOfStuckWorker(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err1 := r.e.Status(ctx, d)
	_, err2 := r.e.Statuses(ctx, nil)
	_, err3 := r.e.Totals(ctx)
	for _, err := range []error{err1, err2, err3, r.e.DetachPort(ctx, 0, ifindex)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a worker that never runs: %v", err)
		}
	}
	r.step() // and what was asked does no harm later
}

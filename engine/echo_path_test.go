package engine

import (
	"context"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A path that changes: the neighbour's new MAC is used at once; by another source
// the way back has to be proven anew; with addresses that are no pair there is
// none.
func TestEchoPathChanges(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	moved := echoPathTo(1)
	moved.PeerMAC = packet.MAC{2, 0, 0, 0, 9, 9}
	b.set(moved)
	b.let(ms)
	b.clear()
	b.let(100 * ms)
	b.wantEcho("new MAC", EchoActive)
	for _, frame := range b.echoes {
		if packet.MAC(frame[0:6]) != moved.PeerMAC {
			t.Fatalf("an Echo packet to % x", frame[:6])
		}
	}
	moved.EchoSource = addr("203.0.113.9") // which the peer filters
	b.loop = func([]byte) bool { return false }
	b.way = nil
	b.set(moved)
	b.let(10 * sec)
	b.wantEcho("filtered source", EchoProbing)
	if st := b.status(b.discr); st.Counters.Failures != 0 || st.AdvertisedMinRx != 50_000 {
		t.Errorf("%d failures, asks for %d µs", st.Counters.Failures, st.AdvertisedMinRx)
	}
	moved.EchoSource = addr("2001:db8::9")
	if err := b.e.SetPath(b.discr, moved); err == nil {
		t.Error("a source of the other family is taken")
	}
	rows.Covers(t, "5881-4-13", "5880-6.8.13-01", "5880-6.8.8-02")
}

// An entry that is used again knows nothing of its former session.
func TestEchoEntriesReused(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	stale := b.way
	w := b.e.workers[0]
	if err := b.e.Remove(b.discr, -1); err != nil {
		t.Fatal(err)
	}
	b.step()
	b.take()
	old := b.discr
	for i := range 10 {
		d := b.add(echoParams(), 10+i)
		b.step()
		if got := b.status(d).Echo; got.Sent+got.Returned+got.RTT.Count != 0 || got.State != EchoNotUp {
			t.Errorf("a new session starts with %+v", got)
		}
		for range 2 {
			for _, us := range []uint32{0, 20_000} {
				p := echoParams()
				p.EchoTx = us
				if err := b.e.Configure(d, p); err != nil {
					t.Fatal(err)
				}
				b.step()
			}
		}
		if err := b.e.Remove(d, -1); err != nil {
			t.Fatal(err)
		}
		b.step()
	}
	if len(w.echoes) != 1 || len(w.echoFree) != 1 {
		t.Errorf("%d entries, %d of them free, after one session at a time", len(w.echoes), len(w.echoFree))
	}
	for _, rx := range stale {
		if rx.DstPort == packet.PortEcho {
			b.hear(0, rx)
		}
	}
	if got := b.drops(); got[packet.DropUnknownYourDiscr] == 0 && len(stale) > 0 && stale[0].DstPort == packet.PortEcho {
		t.Errorf("an Echo packet of %#x, which is gone: %v", old, got)
	}
	rows.Covers(t, "5880-5-01")
}

// Frames reach the session's worker from any queue, ours and the peer's alike.
func TestEchoHandedOver(t *testing.T) {
	for _, path := range []Path{echoPathTo(1), six()} {
		b := newLoopBed(t, 2, echoParams(), path)
		b.queue = 1 - b.queue
		b.let(sec)
		b.wantEcho("on the other queue", EchoActive)
		st := b.status(b.discr)
		if st.Counters.Failures != 0 || st.Echo.Returned+3 < st.Echo.Sent {
			t.Errorf("%d failures, %d of %d came back", st.Counters.Failures, st.Echo.Returned, st.Echo.Sent)
		}
		b.ports[0].out, b.ports[1].out = nil, nil
		b.deliver(peerEcho(t, path, path.Peer, path.Peer, 255))
		if got := b.status(b.discr).Counters.Looped; got != 1 || len(b.ports[1-b.queue].out) == 0 {
			t.Errorf("the peer's: %d looped", got)
		}
	}
	rows.Covers(t, "5880-6.8.8-01", "5881-4-14", "ENV-RQ-01")
}

// A detached port is not touched again, though Echo was running.
func TestEchoPortDetached(t *testing.T) {
	b := newLoopBed(t, 1, echoParams(), echoPathTo(1))
	done := make(chan error, 1)
	go func() { done <- b.e.DetachPort(context.Background(), 0, ifindex) }()
	for detached := false; !detached; {
		b.step()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			detached = true
		default:
		}
	}
	b.ports[0].out = nil
	allocs := len(b.ports[0].l2)
	b.now += 30 * ms
	b.step()
	b.run(2 * sec)
	if len(b.ports[0].l2) != allocs {
		t.Error("a buffer was taken from a port that is gone")
	}
	if st := b.status(b.discr); st.Diag == packet.DiagEchoFailed || st.Echo.Offered != 0 {
		t.Errorf("%v/%v, offers %d", st.State, st.Diag, st.Echo.Offered)
	}
	rows.Covers(t, "5880-6.8.9-01")
}

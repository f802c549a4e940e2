package wire

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// openUnproven opens the interface of the end for live frames. XDP programs that
// other tests attach to the same host hold calls up, which is not the subject.
func (e *end) openUnproven(t testing.TB, o Options) *Interface {
	t.Helper()
	o.Transmit = TransmitLive
	i := e.open(t, o)
	i.transmit.proof.held = time.Hour
	return i
}

// openLive opens the interface of the end for live frames and has them proven.
func (e *end) openLive(t testing.TB, peer engine.Port, o Options) *Interface {
	t.Helper()
	i := e.openUnproven(t, o)
	i.transmit.proof.state.Store(untried)
	sendLive(i.Port(0), e, 1, liveFrom)
	if n := len(receive(t, peer, liveFrom)); n != liveFrom {
		t.Fatalf("received %d of a trial of %d", n, liveFrom)
	}
	i.awaitTrust(t, trusted)
	return i
}

func (i *Interface) awaitTrust(t testing.TB, want trust) {
	t.Helper()
	testnet.Eventually(t, 5*time.Second, "live frames are judged", func() bool {
		return i.transmit.proof.state.Load() == want
	})
}

// sendLive sends n numbered frames in one flush, of both families by turns, and
// returns them.
func sendLive(p engine.Port, e *end, first, n int) (sent [][]byte, failed int) {
	tmpl := [2]*packet.Template{e.template(v4), e.template(v6)}
	for i := range n {
		buf, family := p.Alloc(true), tmpl[i%2]
		family.Put(buf, 0)
		number(buf, family, uint32(first+i))
		sent = append(sent, slices.Clone(buf[:family.Len()]))
		p.Commit(family.Len(), family.L3())
	}
	return sent, p.Flush()
}

// Frames of both families arrive complete, in order and unchanged, few by the
// ring and many as live frames.
func TestLive(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	b := r.b.open(t, Options{}).Port(0)
	a := r.a.openLive(t, b, Options{})
	if how, reason := a.Transmit(); how != TransmitLive || reason == "" {
		t.Errorf("transmit %q: %s", how, reason)
	}
	for _, n := range []int{1, liveFrom - 1, liveFrom, 64, 65, 200, 2} {
		before := a.Counters()
		sent, failed := sendLive(a.Port(0), r.a, 1, n)
		if failed != 0 {
			t.Fatalf("%d of %d frames failed", failed, n)
		}
		var got [][]byte
		for _, g := range receive(t, b, n) {
			got = append(got, g.frame)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Fatalf("%d frames (-sent +received):\n%s", n, diff)
		}
		want := uint64(n)
		if n < liveFrom {
			want = 0
		}
		if live := a.Counters()["live_tx"] - before["live_tx"]; live != want {
			t.Errorf("of %d frames %d were live, want %d", n, live, want)
		}
	}
	conserved(t, "after", a)
	for _, name := range []string{"live_tx_lost", "live_tx_refused", "live_tx_error"} {
		if n := a.Counters()[name]; n != 0 {
			t.Errorf("%s is %d", name, n)
		}
	}
}

// More frames than there is room for are sent before the flush.
func TestLiveOverflow(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	b := r.b.open(t, Options{}).Port(0)
	a := r.a.openLive(t, b, Options{TxFrames: 32})
	if _, failed := sendLive(a.Port(0), r.a, 1, 150); failed != 0 {
		t.Errorf("%d frames failed", failed)
	}
	for i, g := range receive(t, b, 150) {
		if g.number != i+1 {
			t.Fatalf("frame %d is number %d", i, g.number)
		}
	}
}

// Workers send at the same time, each its own frames.
func TestLiveWorkers(t *testing.T) {
	r := newRig(t, netns.VethOptions{Queues: 2})
	b := r.b.open(t, Options{}).Port(0)
	a := r.a.openLive(t, b, Options{Workers: 2})
	const rounds, each = 20, 40
	var done sync.WaitGroup
	for w := range 2 {
		done.Go(func() {
			for i := range rounds {
				if _, failed := sendLive(a.Port(w), r.a, (w*rounds+i)*each, each); failed != 0 {
					t.Errorf("worker %d: %d frames failed", w, failed)
				}
			}
		})
	}
	seen := make(map[int]int)
	last := [2]int{-1, -1}
	for _, g := range receive(t, b, 2*rounds*each) {
		seen[g.number]++
		w := g.number / (rounds * each)
		if g.number <= last[w] {
			t.Errorf("number %d after %d", g.number, last[w])
		}
		last[w] = g.number
	}
	done.Wait()
	if len(seen) != 2*rounds*each {
		t.Errorf("received %d of %d frames", len(seen), 2*rounds*each)
	}
}

// Where live frames are not safe or not possible, the ring sends and it is told
// why.
func TestTransmit(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	for _, tt := range []struct {
		o           Options
		how, reason string
	}{
		{Options{}, TransmitXDP, "veth"},
		{Options{Transmit: TransmitAuto}, TransmitXDP, "veth"},
		{Options{Transmit: TransmitXDP}, TransmitXDP, "as configured"},
		{Options{Transmit: TransmitLive}, TransmitXDP, "tried 1s after opening"},
		{Options{Transmit: TransmitLive, Transport: TransportGeneric}, TransmitXDP, "native"},
		{Options{Transmit: TransmitLive, Transport: TransportUDP}, transmitUDP, "as configured"},
	} {
		a, err := r.a.tryOpen(tt.o)
		must(t, err)
		if how, reason := a.Transmit(); how != tt.how || !strings.Contains(reason, tt.reason) {
			t.Errorf("%+v: transmit %q: %s", tt.o, how, reason)
		}
		must(t, a.Close())
	}
	if _, err := r.a.tryOpen(Options{Transmit: "fast"}); err == nil || !strings.Contains(err.Error(), `transmit "fast"`) {
		t.Errorf("transmit fast: error %v", err)
	}
}

// A veth whose far end has no native program loses the frames of the trial,
// which is seen; the ring takes over, and live frames return with the program.
func TestLiveFarEndWithoutXDP(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	a := r.a.openUnproven(t, Options{})
	bare, err := r.b.tryOpen(Options{Transport: TransportUDP})
	must(t, err)
	a.awaitTrust(t, untried)
	const n = 100
	sendLive(a.Port(0), r.a, 1, n)
	if got := len(receive(t, bare.Port(0), n)); got != n-trialFrames {
		t.Errorf("received %d of %d", got, n)
	}
	a.awaitTrust(t, resting)
	if how, reason := a.Transmit(); how != TransmitXDP || !strings.Contains(reason, "64 of 64 live frames were lost") {
		t.Errorf("transmit %q: %s", how, reason)
	}
	sendLive(a.Port(0), r.a, 1, n)
	if got := len(receive(t, bare.Port(0), n)); got != n {
		t.Errorf("by the ring: received %d of %d", got, n)
	}
	c := a.Counters()
	if c["live_tx"] != trialFrames || c["live_tx_lost"] != trialFrames {
		t.Errorf("counters %v", c)
	}
	must(t, bare.Close())

	b, err := r.b.tryOpen(Options{})
	must(t, err)
	a.transmit.proof.state.Store(untried) // the rest is over
	sendLive(a.Port(0), r.a, 1, n)
	if got := len(receive(t, b.Port(0), n)); got != n {
		t.Errorf("with a program: received %d of %d", got, n)
	}
	a.awaitTrust(t, trusted)

	must(t, b.Close()) // and without it again
	sendLive(a.Port(0), r.a, 1, n)
	a.awaitTrust(t, resting)
	if lost := a.Counters()["live_tx_lost"]; lost != trialFrames+n {
		t.Errorf("lost %d, want %d", lost, trialFrames+n)
	}
}

// A link that is down loses live frames without a word from the kernel; the ring
// then tells, and when the link is back what is sent arrives, and nothing old.
func TestLiveLinkDownAndUp(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	b := r.b.open(t, Options{}).Port(0)
	a := r.a.openLive(t, b, Options{})
	r.a.SetDown(t, "va")
	sendLive(a.Port(0), r.a, 1000, 100)
	a.awaitTrust(t, resting)
	if _, n := sendLive(a.Port(0), r.a, 1000, 100); n != 100 {
		t.Errorf("link down: %d of 100 frames failed", n)
	}
	if lost := a.Counters()["live_tx_lost"]; lost != 100 {
		t.Errorf("link down: lost %d of 100", lost)
	}
	r.a.SetUp(t, "va")
	for _, state := range []trust{resting, untried} { // by the ring, then live
		a.transmit.proof.state.Store(state)
		if _, n := sendLive(a.Port(0), r.a, 1, 50); n != 0 {
			t.Errorf("link up again: %d frames failed", n)
		}
		list := receive(t, b, 50)
		if len(list) != 50 || list[0].number != 1 || list[49].number != 50 {
			t.Errorf("link up again: received %d of 50", len(list))
		}
	}
	a.awaitTrust(t, trusted)
	conserved(t, "after", a)
}

// An interface that is deleted fails what is sent, at once and for good.
func TestLiveLinkDeleted(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	b, err := r.b.tryOpen(Options{})
	must(t, err)
	a := r.a.openLive(t, b.Port(0), Options{})
	r.a.DelLink(t, "va")
	for range 3 {
		if _, failed := sendLive(a.Port(0), r.a, 1, 100); failed != 100 {
			t.Errorf("%d of 100 frames failed", failed)
		}
	}
	if c := a.Counters(); c["live_tx_refused"] != 100 {
		t.Errorf("counters %v", c)
	}
	if how, _ := a.Transmit(); how != TransmitXDP {
		t.Errorf("transmit %q", how)
	}
	must(t, b.Close())
}

// Nothing on the way of a live frame allocates.
func TestLiveNoAllocations(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	batch := make([]engine.Rx, 64)
	b := r.b.open(t, Options{}).Port(0)
	a := r.a.openLive(t, b, Options{}).Port(0)
	tmpl := r.a.template(v4)
	received := 0
	for _, n := range []int{8, 64} {
		if allocs := testing.AllocsPerRun(100, func() {
			for range n {
				a.Commit(tmpl.Put(a.Alloc(true), 0), tmpl.L3())
			}
			a.Flush()
			received += b.Receive(batch)
		}); allocs != 0 {
			t.Errorf("%d frames: %v allocations", n, allocs)
		}
	}
	if received < 100*64 {
		t.Errorf("received %d", received)
	}
}

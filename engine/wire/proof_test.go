package wire

import (
	"strings"
	"testing"
	"time"
)

// Live frames are trusted once a trial's are all counted, and given up when half
// of those of one look are lost.
func TestProof(t *testing.T) {
	var counter uint64
	p := newProof(func() (uint64, bool) { return counter, true })
	counter = 1000 // others' frames, which must not stand for ours
	p.look()
	for _, step := range []struct {
		name    string
		ask     int
		allowed int
		counted uint64
		after   trust
		lost    uint64
	}{
		{"a trial that fails", 500, 64, 63, resting, 1},
		{"none while it failed", 500, 0, 0, resting, 1},
		{"a trial", 30, 30, 30, trusted, 1},
		{"all", 500, 500, 500, trusted, 1},
		{"a full ring", 500, 500, 250, trusted, 251},
		{"none sent", 0, 0, 0, trusted, 251},
		{"a link that is down", 500, 500, 249, resting, 502},
		{"the next trial", 64, 64, 64, trusted, 502},
	} {
		if strings.Contains(step.name, "trial") {
			p.state.CompareAndSwap(resting, untried) // the rest is over
		}
		n := p.begin(step.ask)
		if n != step.allowed {
			t.Fatalf("%s: %d of %d allowed, want %d", step.name, n, step.ask, step.allowed)
		}
		if n > 0 {
			if p.state.Load() == trying && p.begin(100) != 0 {
				t.Errorf("%s: a second one is allowed", step.name)
			}
			p.handed(n, n, 0, 0)
		}
		counter += step.counted
		p.check()
		if got := p.state.Load(); got != step.after || p.lost.Load() != step.lost {
			t.Fatalf("%s: state %d, lost %d; want %d, %d", step.name, got, p.lost.Load(), step.after, step.lost)
		}
	}
	p.handed(p.begin(64), 64, 0, 0)
	counter = 64 // the driver began anew
	if p.check(); p.state.Load() != trusted || p.lost.Load() != 502 {
		t.Errorf("state %d, lost %d after the counter began anew", p.state.Load(), p.lost.Load())
	}
	p.handed(p.begin(64), 64, 0, stallTime+1)
	counter += 64
	if p.check(); p.state.Load() != resting || !strings.Contains(p.reason(), "held a call") {
		t.Errorf("state %d after a call that was held up: %s", p.state.Load(), p.reason())
	}
	p.state.Store(trusted)
	if p.check(); p.state.Load() != trusted {
		t.Errorf("state %d: one call that was held up counts twice", p.state.Load())
	}
	p.state.Store(untried)
	p.handed(p.begin(64), 0, 0, 0)
	if p.check(); p.state.Load() != resting {
		t.Errorf("state %d after a trial in which the kernel took nothing", p.state.Load())
	}
	p.state.Store(trusted)
	p.handed(p.begin(64), 0, 64, 0)
	if p.check(); p.state.Load() != gone || p.begin(100) != 0 {
		t.Errorf("state %d when the interface is gone", p.state.Load())
	}
}

// Where the driver has no counter there is nothing to wait for.
func TestProofWithoutCounter(t *testing.T) {
	p := newProof(func() (uint64, bool) { return 0, false })
	p.run()
	defer p.close()
	if p.begin(500) != 500 || !strings.Contains(p.reason(), "would not be seen") {
		t.Errorf("state %d: %s", p.state.Load(), p.reason())
	}
}

func TestXmitted(t *testing.T) {
	for name, tt := range map[string]struct {
		stats map[string]uint64
		n     uint64
		ok    bool
	}{
		"none": {map[string]uint64{"rx_queue_0_xdp_packets": 7, "tx_xdp_errors": 1}, 0, false},
		"by queue": {map[string]uint64{
			"tx_queue_0_xdp_xmit": 5, "tx_queue_1_xdp_xmit": 6, "tx_queue_0_xdp_xmit_errors": 100,
			"rx_queue_0_xdp_tx": 9,
		}, 11, true},
		"whole and by queue": {map[string]uint64{"tx_xdp_xmit": 11, "tx0_xdp_xmit": 11}, 11, true},
		"never any":          {map[string]uint64{"tx_queue_0_xdp_xmit": 0}, 0, true},
	} {
		if n, ok := xmitted(tt.stats); n != tt.n || ok != tt.ok {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
}

// Between trials that fail there is ever more time, up to a limit; one that goes
// well makes it short again.
func TestProofRests(t *testing.T) {
	var counter uint64
	p := newProof(func() (uint64, bool) { return counter, true })
	trial := func(counted int) time.Duration {
		p.state.Store(untried)
		p.handed(p.begin(64), 64, 0, 0)
		counter += uint64(counted)
		p.check()
		return time.Duration(p.rest.Load())
	}
	for want := 2 * firstRest; want < lastRest; want *= 2 {
		if got := trial(63); got != want {
			t.Errorf("rest %v, want %v", got, want)
		}
	}
	if got := trial(63); got != lastRest {
		t.Errorf("rest %v, want %v", got, lastRest)
	}
	if got := trial(64); got != firstRest || p.state.Load() != trusted {
		t.Errorf("rest %v, state %d after a trial that went well", got, p.state.Load())
	}
}

package wirebed

import (
	"bytes"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// steady brings D and T to where T only repeats itself. T forgives itself pauses
// of seconds.
func (b *bed) steady() {
	b.Helper()
	b.tell(func(c *packet.Control) { c.DetectMult = 60 })
	b.up()
	b.settle()
	want := engine.HeardActive
	if !fastPath {
		want = engine.HeardOff
	}
	if got := b.status().Heard; got != want {
		b.Fatalf("heard is %v, want %v", got, want)
	}
}

// rise is how many packets came by each way while something was done.
func (b *bed) rise(do func()) (ring, heard uint64) {
	before := b.status()
	do()
	b.settle()
	after := b.status()
	return after.Counters.Rx - before.Counters.Rx, after.RxHeard - before.RxHeard
}

// In steady state no packet reaches the engine, and silence is found as exactly
// as if each did.
func TestHeardOnTheWire(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(p50), "IPv6": with(p50).v6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, s, func(b *bed) {
				b.steady()
				ring, heard := b.rise(func() { time.Sleep(600 * time.Millisecond) })
				if !fastPath {
					ring, heard = heard, ring
				}
				if ring != 0 || heard < 12 || heard > 16 {
					b.Errorf("%d packets by one way and %d by the other in 0.6 s, want 12 to 16 by one", ring, heard)
				}
				b.hush()
				b.once(func(c *packet.Control) { c.DetectMult = 3 })
				for range 3 {
					time.Sleep(20 * time.Millisecond)
					b.once(func(c *packet.Control) { c.DetectMult = 3 })
				}
				b.downAfter("T falls silent", 150)
			})
			rows.Covers(t, "5880-6.8.4-01")
		})
	}
}

// differing is what becomes of frames that differ from the expected one in one
// byte, all checksums left as they were: those at the bytes of heard are heard,
// which routers and stacks may change; those of valid are sound packets and go
// through the ring; all others keep nothing alive.
type differing struct {
	setup
	heard, valid []int
}

// A frame that differs in any byte which is compared is not heard; an exact copy
// is, whoever sent it.
func TestOnlyCopiesAreHeard(t *testing.T) {
	t.Parallel()
	if !fastPath {
		return // nothing is heard then, as the tests above have shown
	}
	for name, d := range map[string]differing{
		"IPv4": {with(p50), []int{18, 19, 24, 25}, []int{6, 7, 8, 9, 10, 11}},     // id and checksum; source MAC
		"IPv6": {with(p50).global6(), nil, []int{6, 7, 8, 9, 10, 11, 15, 16, 17}}, // the same, flow label
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, d.setup, d.play)
			rows.Covers(t, "ENV-UDP-01", "ENV-UDP-02", "5881-5-02")
		})
	}
}

func (d differing) play(b *bed) {
	b.steady()
	b.talk(0)
	b.settle()
	b.mu.Lock()
	frame := b.frameOf(b.control()).bytes()
	b.mu.Unlock()
	send := func(f []byte) func() {
		return func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.send(f, nil)
		}
	}
	for i := range frame {
		mutant := bytes.Clone(frame)
		mutant[i] ^= 0x40
		var wantRing, wantHeard uint64
		for _, at := range d.heard {
			if at == i {
				wantHeard = 1
			}
		}
		for _, at := range d.valid {
			if at == i {
				wantRing = 1
			}
		}
		if ring, heard := b.rise(send(mutant)); ring != wantRing || heard != wantHeard {
			b.Errorf("differs in byte %d: %d through the ring and %d heard, want %d and %d", i, ring, heard, wantRing, wantHeard)
		}
		b.rise(send(frame)) // which is then expected again
	}
	if ring, heard := b.rise(send(frame)); ring != 0 || heard != 1 {
		b.Errorf("an exact copy: %d through the ring and %d heard", ring, heard)
	}
	if ring, heard := b.rise(send(append(bytes.Clone(frame), 0xee, 0xee))); ring != 0 || heard != 1 {
		b.Errorf("an exact copy and what Ethernet appends: %d through the ring and %d heard", ring, heard)
	}
	b.stands("at the end", packet.Up, packet.DiagNone)
}

package bpf

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
)

// flipped are frames that differ in nearly all words, and what is made of the
// beginning of one and the end of another.
func flipped(t *testing.T) (whole, mixed [][]byte) {
	for i := range byte(3) {
		f := v4().your(discr).with(func(f *frame) {
			f.srcMAC[5], f.dstMAC[5] = 0x20+i, 0x30+i
			f.ttl, f.srcPort = 250+i, 50000+uint16(i)
			for at := range f.payload {
				if at < 8 || at >= 12 {
					f.payload[at] ^= 0x10 << i
				}
			}
		})
		whole = append(whole, f.bytes(t))
	}
	for i := range whole {
		for j := range whole {
			for at := 8; at < len(whole[i]) && i != j; at += 8 {
				mixed = append(mixed, append(append([]byte(nil), whole[i][:at]...), whole[j][at:]...))
			}
		}
	}
	return whole, mixed
}

// While the engine changes what is expected as fast as it can, a frame is heard
// that is one of the expected, and none that is a mixture of two. Three in turn,
// because with two the same place of the image gets the same frame again.
func TestProgramHearsNoMixture(t *testing.T) {
	b := newLaneRig(t)
	whole, mixed := flipped(t)
	var flips atomic.Int64
	busy(t, func() {
		b.lanes.Images[lane].Set(whole[flips.Add(1)%3], loopback)
	})
	const runs = 6000
	for _, frame := range mixed {
		must(t, b.many(frame, runs))
	}
	if n := b.lanes.Count(lane); n != 0 {
		t.Errorf("%d mixtures in %d runs were heard", n, runs*len(mixed))
	}
	for n := 0; b.lanes.Count(lane) == 0; n++ {
		must(t, b.many(whole[n%3], 100))
		if n == 100000 {
			t.Fatal("none of the expected frames was heard")
		}
	}
	t.Logf("%d runs with mixtures, %d changes", runs*len(mixed), flips.Load())
}

// Nor is a reply ever a mixture.
func TestProgramRepliesNoMixture(t *testing.T) {
	b := newLaneRig(t)
	must(t, b.Insure(InsureTX))
	whole, _ := flipped(t)
	frame := v4().your(discr).bytes(t)
	b.expect(t, frame)
	b.insure(t, 1, 0, whole[0])
	var flips atomic.Int64
	busy(t, func() {
		b.lanes.Beat(monotonic(t))
		for range 100 {
			b.lanes.Insure(lane, 1, 0, whole[flips.Add(1)%3], 0)
		}
	})
	sent := 0
	for range 20000 {
		out := make([]byte, len(frame))
		action, err := b.objs.Xbfd.Run(&ebpf.RunOptions{
			Data: frame, DataOut: out, Context: xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: loopback},
		})
		must(t, err)
		if action == tx {
			sent++
			if s := string(out); s != string(whole[0]) && s != string(whole[1]) && s != string(whole[2]) {
				t.Fatalf("reply %x", out)
			}
		}
	}
	if sent == 0 {
		t.Error("no reply")
	}
	t.Logf("%d replies of 20000, %d changes", sent, flips.Load())
}

// busy calls do from another thread until the test ends.
func busy(t *testing.T, do func()) {
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for !stop.Load() {
			do()
		}
	})
	t.Cleanup(func() {
		stop.Store(true)
		done.Wait()
	})
}

// many gives the program the same frame n times.
func (r laneRig) many(frame []byte, n int) error {
	_, err := r.objs.Xbfd.Run(&ebpf.RunOptions{
		Data: frame, Repeat: uint32(n),
		Context: xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: loopback},
	})
	return err
}

package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// Whatever is asked, in whatever order, and whatever a kernel hands back:
// every frame has one owner, receive frames never serve to send, and none is
// given out twice.
func TestUmemOwnership(t *testing.T) {
	const rx, tx = 16, 8
	u, err := newUmem(rx, tx)
	must(t, err)
	t.Cleanup(func() { must(t, u.close()) })
	rng := rand.New(rand.NewPCG(3, 4))
	filled, sent := make(map[uint64]bool), make(map[uint64]bool)
	var reading, writing []uint32
	for i := range uint32(rx) {
		filled[u.give(i, 0)] = true
	}
	for step := range 20000 {
		switch rng.IntN(5) {
		case 0: // the kernel receives, or makes a claim it has no right to
			base := uint64(rng.IntN(rx+tx+2)) * frameSize
			frame, b, ok := u.take(base+256, 66)
			if ok != filled[base] {
				t.Fatalf("step %d: take of %#x: %v, want %v", step, base, ok, filled[base])
			}
			if ok {
				if len(b) != 66 || frame >= rx {
					t.Fatalf("step %d: took %d bytes of frame %d", step, len(b), frame)
				}
				delete(filled, base)
				reading = append(reading, frame)
			}
		case 1:
			if len(reading) > 0 {
				i := rng.IntN(len(reading))
				filled[u.give(reading[i], uint64(reading[i])*frameSize+256)] = true
				reading = append(reading[:i], reading[i+1:]...)
			}
		case 2:
			if frame, ok := u.lend(); ok {
				if frame < rx {
					t.Fatalf("step %d: receive frame %d lent to write", step, frame)
				}
				writing = append(writing, frame)
			} else if len(writing)+len(sent) != tx {
				t.Fatalf("step %d: no frame though %d are free", step, tx-len(writing)-len(sent))
			}
			if n := len(writing); n > 0 && rng.IntN(2) == 0 {
				sent[u.send(writing[n-1])] = true
				writing = writing[:n-1]
			}
		case 3: // the kernel completes, or makes a claim
			address := uint64(rng.IntN(rx+tx+2)) * frameSize
			if ok := u.done(address); ok != sent[address] {
				t.Fatalf("step %d: done %#x: %v, want %v", step, address, ok, sent[address])
			}
			delete(sent, address)
		case 4:
			want := [numOwners]int{
				kernelRx: len(filled), kernelTx: len(sent), lent: len(reading) + len(writing),
				free: tx - len(writing) - len(sent),
			}
			if got := u.census(); got != want {
				t.Fatalf("step %d: census %v, want %v", step, got, want)
			}
		}
	}
}

// A stamp is seen once: the next frame in the same place has none unless it
// gets its own.
func TestUmemStamp(t *testing.T) {
	u, err := newUmem(2, 0)
	must(t, err)
	defer func() { must(t, u.close()) }()
	const data = frameSize + 256
	u.give(1, 0)
	binary.NativeEndian.PutUint64(u.mem[data-8:], 12345)
	if got := u.stamp(data); got != 12345 {
		t.Errorf("stamp %d, want 12345", got)
	}
	frame, _, ok := u.take(data, 60)
	if !ok {
		t.Fatal("frame refused")
	}
	u.give(frame, data)
	if got := u.stamp(data); got != 0 {
		t.Errorf("stamp %d is left after the frame was given back", got)
	}
	if got := u.stamp(frameSize); got != 0 {
		t.Errorf("stamp %d in front of a frame that begins its memory", got)
	}
}

// Lengths and addresses that do not fit the memory are refused.
func TestUmemRefuses(t *testing.T) {
	u, err := newUmem(2, 1)
	must(t, err)
	defer func() { must(t, u.close()) }()
	u.give(0, 0)
	u.give(1, 0)
	for _, tt := range []struct {
		name string
		data uint64
		n    uint32
	}{
		{"beyond the frame", 256, frameSize - 255},
		{"beyond the memory", 3 * frameSize, 10},
		{"a transmit frame", 2 * frameSize, 10},
		{"far beyond", ^uint64(0), 10},
		{"length of 32 bits", 256, ^uint32(0)},
	} {
		if _, _, ok := u.take(tt.data, tt.n); ok {
			t.Errorf("%s: taken", tt.name)
		}
	}
	if u.done(^uint64(0)) || u.done(0) {
		t.Error("an address that is not the kernel's to complete was accepted")
	}
}

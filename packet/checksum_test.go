package packet

import (
	"math/rand/v2"
	"testing"
)

func TestSumOfRFC1071Example(t *testing.T) {
	// RFC 1071 §3.
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := fold(sum(0, b)); got != 0xddf2 {
		t.Errorf("sum %#04x, want 0xddf2", got)
	}
}

func TestSumAgainstWordByWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	slow := func(b []byte) uint16 {
		var acc uint32
		for i, x := range b {
			acc += uint32(x) << (8 * (1 - i&1))
			acc = acc>>16 + acc&0xffff
		}
		return uint16(acc>>16 + acc&0xffff)
	}
	lengths := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 1472, 65535}
	for _, n := range lengths {
		b := make([]byte, n)
		for _, fill := range []string{"zeros", "ones", "random"} {
			for i := range b {
				b[i] = map[string]byte{"zeros": 0, "ones": 0xff, "random": byte(rng.Uint32())}[fill]
			}
			if got, want := fold(sum(0, b)), slow(b); got != want {
				t.Errorf("%d bytes of %s: sum %#04x, want %#04x", n, fill, got, want)
			}
			// A message may come in parts as long as the first are even.
			cut := n / 2 &^ 1
			if got, want := fold(sum(sum(0, b[:cut]), b[cut:])), slow(b); got != want {
				t.Errorf("%d bytes of %s in parts: sum %#04x, want %#04x", n, fill, got, want)
			}
		}
	}
}

func TestFoldKeepsZeroApart(t *testing.T) {
	tests := []struct {
		acc  uint64
		want uint16
	}{
		{0, 0}, {1, 1}, {0xffff, 0xffff}, {0x10000, 1}, {0x1fffe, 0xffff},
		{1<<48 - 1, 0xffff}, {1<<48 - 2, 0xfffe}, {1<<64 - 1, 0xffff},
	}
	for _, tt := range tests {
		if got := fold(tt.acc); got != tt.want {
			t.Errorf("fold(%#x) = %#04x, want %#04x", tt.acc, got, tt.want)
		}
	}
}

func TestSendChecksumIsNeverZero(t *testing.T) {
	for acc := range uint64(0x20000) {
		got := sendChecksum(acc)
		want := ^fold(acc)
		if want == 0 {
			want = 0xffff
		}
		if got != want || got == 0 {
			t.Fatalf("sendChecksum(%#x) = %#04x, want %#04x", acc, got, want)
		}
	}
}

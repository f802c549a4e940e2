package lookup

import "testing"

// The addresses of a subnet, and names that differ by a letter, find places of
// their own: no more share one of as many as chance has it.
func TestHashSpreads(t *testing.T) {
	const n = 1 << 12
	for name, of := range map[string]func(i int) Hash{
		"words":    func(i int) Hash { return Hash(0).Word(uint64(i)) },
		"subnet":   func(i int) Hash { return Hash(0).Addr([16]byte{12: 192, 13: 0, 14: byte(i >> 8), 15: byte(i)}) },
		"networks": func(i int) Hash { return Hash(0).Addr([16]byte{0: 0x20, 1: 1, 6: byte(i >> 8), 7: byte(i)}) },
		"names":    func(i int) Hash { return Hash(0).Text("interface" + string(rune('a'+i/64)) + string(rune('a'+i%64))) },
		"second":   func(i int) Hash { return Hash(0).Addr([16]byte{1}).Addr([16]byte{15: byte(i), 14: byte(i >> 8)}) },
	} {
		taken := make(map[uint64]int)
		for i := range n {
			taken[uint64(of(i))%n]++
		}
		// Of n things in n places chance leaves n/e empty: 63 % are taken.
		if len(taken) < n*60/100 {
			t.Errorf("%s: %d of %d places are taken", name, len(taken), n)
		}
		for _, k := range taken {
			if k > 12 {
				t.Errorf("%s: %d share a place", name, k)
			}
		}
	}
}

// Texts do not run into one another.
func TestHashOfTexts(t *testing.T) {
	if Hash(0).Text("eth0").Text("red") == Hash(0).Text("eth0r").Text("ed") || Hash(0).Text("") == Hash(0).Text("\x00") {
		t.Error("two keys have the same hash")
	}
}

package sim

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
)

// sink is an end that keeps when each frame came, and its first byte.
type sink struct {
	world *World
	at    []session.Time
	order []byte
	bits  int // that differ from all zeros behind the first byte
}

func (s *sink) arrive(f *frame) {
	s.at = append(s.at, s.world.Elapsed())
	s.order = append(s.order, f.bytes()[0])
	for _, b := range f.bytes()[1:] {
		for ; b != 0; b &= b - 1 {
			s.bits++
		}
	}
	s.world.giveBack(f)
}

// carry sends n frames, one each millisecond, and returns what became of them.
func carry(n int, c Conditions) (*sink, Carried) {
	w := NewWorld(7)
	l := w.NewLink("link", c)
	s := &sink{world: w}
	l.There.far = s
	for i := range n {
		w.After(session.Time(i)*Millisecond, func() { l.There.send(w.copyFrame([]byte{byte(i), 0, 0, 0})) })
	}
	w.Run(session.Time(n)*Millisecond + Second)
	return s, l.There.Carried
}

// A wire does to frames what its conditions say, and accounts for each.
func TestWire(t *testing.T) {
	const n = 10_000
	near := func(got uint64, p float64) bool { return float64(got) > n*p*0.9 && float64(got) < n*p*1.1 }
	tests := []struct {
		name string
		c    Conditions
		want func(s *sink, c Carried) bool
	}{
		{"perfect", Conditions{Delay: 5 * Millisecond}, func(s *sink, c Carried) bool {
			return c.Delivered == n && s.at[0] == 5*Millisecond && s.at[n-1] == (n+4)*Millisecond
		}},
		{"jitter within the spacing", Conditions{Jitter: Millisecond / 2}, func(s *sink, c Carried) bool {
			return c.Delivered == n && s.at[0] != s.at[1]-Millisecond && s.order[500] == 500%256
		}},
		{"jitter reorders", Conditions{Jitter: 5 * Millisecond}, func(s *sink, c Carried) bool {
			return c.Delivered == n && !slices.IsSorted(s.order[:200]) && slices.IsSorted(s.at)
		}},
		{"loss", Conditions{Loss: 0.3}, func(_ *sink, c Carried) bool {
			return near(c.Lost, 0.3) && c.Delivered == n-c.Lost
		}},
		{"duplicates", Conditions{Duplicate: 0.2}, func(_ *sink, c Carried) bool {
			return near(c.Duplicated, 0.2) && c.Delivered == n+c.Duplicated
		}},
		{"one bit flips", Conditions{Corrupt: 0.1}, func(s *sink, c Carried) bool {
			return near(c.Corrupted, 0.1) && c.Delivered == n && s.bits > 600 && uint64(s.bits) <= c.Corrupted
		}},
		{"dark", Conditions{Dark: true}, func(_ *sink, c Carried) bool { return c.Delivered == 0 && c.Lost == n }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := carry(n, tt.c)
			if !tt.want(s, c) {
				t.Errorf("carried %+v", c)
			}
			if c.Travelling != 0 || c.Offered+c.Duplicated != c.Lost+c.Delivered || int(c.Delivered) != len(s.at) {
				t.Errorf("does not add up: %+v, %d arrived", c, len(s.at))
			}
		})
	}
}

// A wire that goes dark swallows what is on its way.
func TestWireCut(t *testing.T) {
	w := NewWorld(1)
	l := w.NewLink("link", Conditions{Delay: 10 * Millisecond})
	s := &sink{world: w}
	l.There.far = s
	l.There.send(w.copyFrame([]byte{1}))
	w.Run(5 * Millisecond)
	l.Dark(true)
	w.Run(10 * Millisecond)
	l.Dark(false)
	l.There.send(w.copyFrame([]byte{2}))
	w.Run(10 * Millisecond)
	if diff := cmp.Diff([]byte{2}, s.order); diff != "" || l.There.Lost != 1 {
		t.Errorf("arrived (-want +got), %d lost:\n%s", l.There.Lost, diff)
	}
}

// What happens happens in order, and at one instant in the order it was asked for.
func TestWorldOrder(t *testing.T) {
	w := NewWorld(3)
	var got []int
	for i := range 1000 {
		at := session.Time(w.dice.IntN(50))
		w.After(at*Millisecond, func() { got = append(got, int(at)*1000+i) })
	}
	w.After(10*Millisecond, func() { w.At(0, func() { got = append(got, 10*1000+1000) }) }) // the past is now
	w.Run(Second)
	if !slices.IsSorted(got) || len(got) != 1001 {
		t.Errorf("%d events, in order %v", len(got), slices.IsSorted(got))
	}
	if w.Elapsed() != Second {
		t.Errorf("%d ns have passed", w.Elapsed())
	}
}

package timerwheel

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// pair runs a wheel beside its oracle, a map from id to deadline, and compares
// them after every operation.
type pair struct {
	t      testing.TB
	wheel  *Wheel
	oracle map[uint32]int64
	n      uint32
	now    int64
	fire   []uint32
}

func newPair(t testing.TB, n uint32, now int64, fire int) *pair {
	return &pair{t: t, wheel: New(int(n), now), oracle: map[uint32]int64{}, n: n, now: now, fire: make([]uint32, fire)}
}

func (p *pair) arm(id uint32, deadline int64) {
	p.wheel.Arm(id, deadline)
	if p.oracle[id] = deadline; deadline == Never {
		delete(p.oracle, id)
	}
}

func (p *pair) disarm(id uint32) {
	p.wheel.Disarm(id)
	delete(p.oracle, id)
}

func (p *pair) grow(by uint32) {
	p.n += by
	p.wheel.Grow(int(p.n))
}

// advance moves both to now, calling again while fire comes back full.
func (p *pair) advance(now int64) (fired int) {
	p.t.Helper()
	p.now = now
	for {
		n := p.wheel.Advance(now, p.fire)
		for _, id := range p.fire[:n] {
			deadline, armed := p.oracle[id]
			if !armed || deadline > now {
				p.t.Fatalf("at %d: id %d fired, armed %v for %d", now, id, armed, deadline)
			}
			delete(p.oracle, id)
		}
		if fired += n; n < len(p.fire) {
			break
		}
		p.check()
	}
	for id, deadline := range p.oracle {
		if deadline <= now {
			p.t.Fatalf("at %d: id %d did not fire, its deadline was %d", now, id, deadline)
		}
	}
	return fired
}

// earliest returns the smallest deadline.
func (p *pair) earliest() int64 {
	least := Never
	for _, d := range p.oracle {
		least = min(least, d)
	}
	return least
}

// next checks what Next promises.
func (p *pair) next() int64 {
	p.t.Helper()
	got, want := p.wheel.Next(), p.earliest()
	latest := want
	if len(p.oracle) > lookahead {
		latest |= Tick - 1
	}
	if got > latest || want == Never && got != Never {
		p.t.Fatalf("at %d: Next() = %d, the earliest deadline is %d", p.now, got, want)
	}
	near := (max(want, p.wheel.tick<<tickShift) ^ p.wheel.tick<<tickShift) >> (tickShift + lookLevels*slotBits)
	if len(p.oracle) <= lookahead/2 && near == 0 && got != want {
		p.t.Fatalf("at %d: Next() = %d with %d ids armed, want exactly %d", p.now, got, len(p.oracle), want)
	}
	return got
}

// check compares every deadline and walks the wheel's lists.
func (p *pair) check() {
	p.t.Helper()
	w := p.wheel
	in := map[uint32]int{}
	for head := range uint32(ids) {
		length, prev := 0, head
		for i := w.nodes[head].next; i != head; i = w.nodes[i].next {
			n := w.nodes[i]
			in[i-ids]++
			if length++; n.prev != prev {
				p.t.Fatalf("list %d: node %d comes after %d, its link says %d", head, i, prev, n.prev)
			}
			prev = i
			if start := w.tick << tickShift; n.at > max(n.deadline, start) || head < due && n.at < start && head%slots != uint32(w.tick>>(head/slots*slotBits)&slotMask) {
				p.t.Fatalf("list %d: id %d lies in the slot that starts at %d, deadline %d, wheel at %d", head, i-ids, n.at, n.deadline, start)
			}
		}
		if w.nodes[head].prev != prev {
			p.t.Fatalf("list %d ends in %d, its head says %d", head, prev, w.nodes[head].prev)
		}
		if occupied := w.occupied[head/slots]>>(head%slots)&1 != 0; occupied != (length > 0) {
			p.t.Fatalf("list %d holds %d ids, occupied bit %v", head, length, occupied)
		}
	}
	for id := range p.n {
		want, armed := p.oracle[id]
		if !armed {
			want = Never
		}
		if got := w.Deadline(id); got != want {
			p.t.Fatalf("Deadline(%d) = %d, want %d", id, got, want)
		}
		if lies := in[id]; lies > 1 || armed != (lies == 1) || armed != (w.nodes[ids+id].at != Never) {
			p.t.Fatalf("id %d lies in %d slots, armed %v", id, lies, armed)
		}
	}
}

// step does one operation that op, scale and x choose. Distances are of every
// order of magnitude, from nanoseconds to years.
func (p *pair) step(op, scale uint8, x uint64) {
	p.t.Helper()
	const end = int64(1) << 61
	distance := int64(x >> 1 >> (63 - scale%60)) // below 2^scale
	if distance > end-max(p.now, 0) {
		distance = 0
	}
	id := uint32(x>>40) % p.n
	switch op % 16 {
	default:
		p.arm(id, p.now+distance)
	case 8:
		p.arm(id, p.now-distance)
	case 9:
		p.disarm(id)
	case 10:
		p.arm(id, Never)
	case 11:
		p.arm(id, Never-1)
	case 12, 13:
		p.advance(p.now + distance)
	case 14:
		p.next()
	case 15:
		if next := p.next(); next < end {
			p.advance(max(p.now, next))
		}
		if p.n < 64 {
			p.grow(1)
		}
	}
}

func TestOracle(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		start := rng.Int64() >> rng.IntN(60)
		if start %= 1 << 60; seed%3 == 0 {
			start = -start
		}
		p := newPair(t, 1+rng.Uint32N(uint32(10+seed)), start, 1+rng.IntN(40))
		for range 400 {
			op, scale := uint8(rng.Uint32()), uint8(rng.Uint32())
			if seed%2 == 0 { // half of the runs stay within seconds
				scale = 10 + scale%25
			}
			p.step(op, scale, rng.Uint64())
			if rng.IntN(8) == 0 {
				p.check()
			}
		}
		p.check()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzWheel(f *testing.F) {
	f.Add(int64(0), []byte{0, 30, 1, 2, 3, 4, 5, 6, 12, 31, 0, 0, 0, 255, 255, 255})
	f.Add(int64(-1), []byte{0, 50, 255, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0})
	f.Add(int64(1)<<51-1, []byte{11, 0, 0, 0, 0, 0, 0, 0, 12, 59, 255, 255, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, start int64, ops []byte) {
		p := newPair(t, 5, start>>2, 3)
		ops = ops[:min(len(ops), 100*8)]
		for ; len(ops) >= 8; ops = ops[8:] {
			var x uint64
			for _, b := range ops[2:8] {
				x = x<<8 | uint64(b)
			}
			p.step(ops[0], ops[1], bits.Reverse64(x))
			p.check()
		}
	})
}

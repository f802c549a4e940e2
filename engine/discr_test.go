package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
)

// Slot and worker come back out of every discriminator.
func TestDiscriminatorCarriesSlot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		k := discrKey{rng.Uint32(), rng.Uint32()}
		worker, slot, gen := rng.Uint32N(MaxWorkers), rng.Uint32N(MaxSlots), rng.Uint32N(1<<genBits)
		if w, s := k.find(k.make(worker, slot, gen)); w != worker || s != slot {
			t.Fatalf("worker %d slot %d came back as %d %d", worker, slot, w, s)
		}
	}
}

// Another seed, other discriminators; and neighbours do not look like it.
func TestDiscriminatorsLookRandom(t *testing.T) {
	first := make(map[uint32]bool)
	for seed := range uint64(20) {
		e, err := New(Config{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var all []uint32
		for range 1000 {
			d, err := e.Add(Spec{Params: p50})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		first[all[0]] = true
		var ones [32]int
		small := 0
		for i, d := range all {
			for bit := range ones {
				ones[bit] += int(d >> bit & 1)
			}
			if i > 0 && d-all[i-1]+1<<16 < 1<<17 {
				small++
			}
		}
		for bit, n := range ones {
			if n < 300 || n > 700 {
				t.Errorf("seed %d: bit %d is set in %d of 1000", seed, bit, n)
			}
		}
		if small > 5 {
			t.Errorf("seed %d: %d of 999 neighbours are within 65,536", seed, small)
		}
	}
	if len(first) != 20 {
		t.Errorf("20 starts began with %d different discriminators", len(first))
	}
	rows.Covers(t, "5880-6.3-02")
}

// churn is an engine whose sessions come and go.
type churn struct {
	*rig
	rng   *rand.Rand
	live  []uint32
	alive map[uint32]bool
	ports map[uint16]int // uses
}

// grow adds sessions until there are n, and checks what each is given.
func (c *churn) grow(n int) {
	c.t.Helper()
	for len(c.live) < n {
		d, err := c.e.Add(Spec{Params: p50})
		if err != nil {
			c.t.Fatal(err)
		}
		if d == 0 || c.alive[d] {
			c.t.Fatalf("discriminator %#x is 0 or another session's", d)
		}
		p := c.e.sessions[d].srcPort
		if p < firstSourcePort {
			c.t.Fatalf("source port %d", p)
		}
		if c.ports[p]++; c.ports[p] > (len(c.live)+numSourcePorts)/numSourcePorts {
			c.t.Fatalf("source port %d has %d uses with %d sessions", p, c.ports[p], len(c.live)+1)
		}
		c.alive[d] = true
		c.live = append(c.live, d)
	}
	c.step()
	c.take()
}

// shrink removes sessions, any of them, until there are n.
func (c *churn) shrink(n int) {
	c.t.Helper()
	for len(c.live) > n {
		i, last := c.rng.IntN(len(c.live)), len(c.live)-1
		d := c.live[i]
		c.ports[c.e.sessions[d].srcPort]--
		delete(c.alive, d)
		c.live[i] = c.live[last]
		c.live = c.live[:last]
		if err := c.e.Remove(d, -1); err != nil {
			c.t.Fatal(err)
		}
	}
	c.step()
	c.take()
}

// Discriminators are unique and not 0, source ports lie in their range and are
// used as evenly as can be, however many sessions come and go.
func TestChurn(t *testing.T) {
	const n = 20_000
	c := &churn{rig: newRig(t, 3), rng: rand.New(rand.NewPCG(3, 4)), alive: map[uint32]bool{}, ports: map[uint16]int{}}
	c.grow(numSourcePorts)
	for range 20 { // up to 16,384 every port is unique, churn or not
		c.shrink(numSourcePorts - 500)
		c.grow(numSourcePorts)
	}
	c.grow(n)
	worst := 0
	for _, uses := range c.ports {
		worst = max(worst, uses)
	}
	if worst != 2 {
		t.Errorf("a source port has %d uses with %d sessions", worst, n)
	}
	c.shrink(0)
	if left := len(c.e.sessions) + len(c.e.leaving) + c.e.bound.Len(); left != 0 {
		t.Errorf("%d entries left behind", left)
	}
	rows.Covers(t, "5880-6.3-01", "5881-4-02", "5881-4-04", "5881-4-05")
}

// A session keeps its discriminator and its port, whatever befalls it.
func TestIdentityIsConstant(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	for range 10 {
		r.run(sec)
		r.up(d, 1)
		if err := r.e.Configure(d, session.Params{DesiredMinTx: 60_000, RequiredMinRx: 70_000, DetectMult: 4, AdminDown: true}); err != nil {
			t.Fatal(err)
		}
		r.run(sec)
		if err := r.e.Configure(d, p50); err != nil {
			t.Fatal(err)
		}
		r.run(4 * sec)
	}
	all := r.ports[0].sent(t)
	for _, s := range all {
		if s.MyDiscr != d || s.SrcPort != all[0].SrcPort {
			t.Fatalf("discriminator %#x from port %d, were %#x and %d", s.MyDiscr, s.SrcPort, d, all[0].SrcPort)
		}
	}
	if c := r.status(d).Counters; c.Up != 10 || c.AdminDown != 10 {
		t.Errorf("the session did not flap as it should: %+v", c)
	}
	rows.Covers(t, "5880-6.3-05", "5880-6.8.7-11", "5880-6.8.1-15", "5881-4-03")
}

func TestFull(t *testing.T) {
	r := newRig(t, 1)
	r.e.made[0] = MaxSlots
	if _, err := r.e.Add(Spec{Params: p50}); !errors.Is(err, ErrFull) {
		t.Errorf("one session too many: %v", err)
	}
}

func TestBadParameters(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	for _, p := range []session.Params{{RequiredMinRx: 1, DetectMult: 3}, {DesiredMinTx: 1, RequiredMinRx: 1}} {
		if _, err := r.e.Add(Spec{Params: p}); err == nil {
			t.Errorf("%+v added", p)
		}
		if err := r.e.Configure(d, p); err == nil {
			t.Errorf("%+v configured", p)
		}
	}
	for _, n := range []int{-1, MaxWorkers + 1} {
		if _, err := New(Config{Workers: n}); err == nil {
			t.Errorf("%d workers", n)
		}
	}
	for _, p := range []Path{
		{},
		{Ifindex: ifindex, Local: addr("192.0.2.1")},
		{Ifindex: ifindex, Peer: addr("192.0.2.2")},
		{Ifindex: ifindex, Local: addr("192.0.2.1"), Peer: addr("fe80::2")},
	} {
		if err := r.e.SetPath(d, p); err == nil {
			t.Errorf("path %+v set", p)
		}
	}
	rows.Covers(t, "5880-4.1-06", "5880-6.8.1-11")
}

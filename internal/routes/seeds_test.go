package routes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// drawn is a configuration: routes with gateways of their own, nexthop groups, and
// routes that lead to these.
func drawn(r *rand.Rand) (specs []Spec) {
	gateways := []string{a, b, "192.0.2.3"}
	pick := func() []string {
		r.Shuffle(len(gateways), func(i, j int) { gateways[i], gateways[j] = gateways[j], gateways[i] })
		return slices.Clone(gateways[:1+r.IntN(len(gateways))])
	}
	policy := func(s *Spec) {
		s.Present, s.AdminFails = r.IntN(4) == 0, r.IntN(4) == 0
		s.Hold = time.Duration(r.IntN(3)) * time.Second
	}
	groups := r.IntN(3)
	for id := range groups {
		specs = append(specs, group(uint32(id+1), policy, pick()...))
	}
	for i := range 1 + r.IntN(5) {
		prefix := fmt.Sprintf("10.%d.0.0/16", i)
		if groups > 0 && r.IntN(2) == 0 {
			specs = append(specs, by(prefix, uint32(1+r.IntN(groups))))
			continue
		}
		specs = append(specs, route(prefix, func(s *Spec) {
			policy(s)
			if r.IntN(3) == 0 {
				s.Raise = 100
			}
		}, pick()...))
	}
	r.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
	return specs
}

// due is what is to stand when every session is Up or has failed and nothing is held
// back any more, by the text of the reference.
func due(specs []Spec, failed map[string]bool) (words []string) {
	there := map[uint32]bool{}
	objects := make([]Object, len(specs))
	for i := range specs {
		s, o := &specs[i], &objects[i]
		o.Place, o.Group = s.Place(), s.Group
		for _, m := range s.Members {
			if !failed[m.Gateway.String()] {
				o.Hops = append(o.Hops, m.Hop)
			}
		}
		if len(o.Hops) == 0 && s.Raise != 0 {
			o.Place = s.raised()
			for _, m := range s.Members {
				o.Hops = append(o.Hops, m.Hop)
			}
		}
		there[s.ID] = len(o.Hops) > 0
	}
	for i := range objects {
		if o := &objects[i]; len(o.Hops) > 0 || o.Group != 0 && there[o.Group] {
			words = append(words, ordered(*o))
		}
	}
	slices.Sort(words)
	return words
}

// ordered describes o with its gateways in order, which means nothing.
func ordered(o Object) string {
	o = o.clone()
	slices.SortFunc(o.Hops, func(a, b Hop) int { return a.Gateway.Compare(b.Gateway) })
	return o.Describe()
}

// TestSeeds: whatever sessions, reloads, restarts and others do, in the end there is
// what is asked for, and what is not ours was never touched.
func TestSeeds(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		specs := drawn(r)
		w.set(specs...)
		failed := map[string]bool{}
		for range 40 {
			switch peer := []string{a, b, "192.0.2.3"}[r.IntN(3)]; r.IntN(9) {
			case 0:
				specs = drawn(r)
				w.set(specs...)
			case 1: // somebody removes something of ours, and the kernel what led to it
				for place, o := range w.ours {
					_ = w.apply(&Op{Verb: Remove, Object: &Object{Place: place, Group: o.Group}})
					break
				}
				w.look()
			case 2: // somebody takes a place, or leaves one
				if s := specs[r.IntN(len(specs))]; w.others[s.Place()] {
					delete(w.others, s.Place())
				} else if w.ours[s.Place()].Place != s.Place() {
					w.others[s.Place()] = true
				}
				w.look()
				w.table.Retry(false)
				w.settle()
			case 3: // a crash, and a start
				w.table = Table{}
				w.set(specs...)
			case 4:
				w.tell(peer, Admin)
			case 5, 6:
				w.tell(peer, Down)
			default:
				w.tell(peer, Up)
			}
			w.pass(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
		clear(w.others)
		for _, peer := range []string{a, b, "192.0.2.3"} {
			w.tell(peer, Up)
			if failed[peer] = r.IntN(2) == 0; failed[peer] {
				w.tell(peer, Down)
			}
		}
		w.table.Retry(true)
		w.settle()
		w.pass(time.Minute)
		var got []string
		for _, o := range w.ours {
			got = append(got, ordered(o))
		}
		slices.Sort(got)
		if diff := cmp.Diff(due(specs, failed), got); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
		if n := w.table.Totals(); n.Refused != 0 {
			t.Errorf("seed %d: %+v", seed, n)
		}
		if t.Failed() {
			return
		}
	}
}

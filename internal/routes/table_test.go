package routes

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
)

const (
	a, b   = "192.0.2.1", "192.0.2.2"
	dst    = "198.51.100.0/24"
	viaA   = "198.51.100.0/24 via 192.0.2.1 metric 20"
	viaB   = "198.51.100.0/24 via 192.0.2.2 metric 20"
	viaAB  = "198.51.100.0/24 via 192.0.2.1 and 192.0.2.2 metric 20"
	higher = "198.51.100.0/24 via 192.0.2.1 metric 120"
)

// What a session says, and what becomes of the route.
func TestOneGateway(t *testing.T) {
	tests := []struct {
		name   string
		more   func(*Spec)
		states []State
		want   []string
	}{
		{"not up yet", nil, nil, nil},
		{"not up yet, present", func(s *Spec) { s.Present = true }, nil, []string{viaA}},
		{"up", nil, []State{Up}, []string{viaA}},
		{"failed", nil, []State{Up, Down}, nil},
		{"back", nil, []State{Up, Down, Unknown, Up}, []string{viaA}},
		{"AdminDown is no failure", nil, []State{Up, Admin}, []string{viaA}},
		{"AdminDown of one that never was up", nil, []State{Admin}, nil},
		{"AdminDown and back", nil, []State{Up, Admin, Unknown}, []string{viaA}},
		{"AdminDown after a failure", nil, []State{Up, Down, Admin}, nil},
		{"AdminDown fails", func(s *Spec) { s.AdminFails = true }, []State{Up, Admin}, nil},
		{"AdminDown fails a present one", func(s *Spec) { s.AdminFails, s.Present = true, true }, []State{Admin}, nil},
		{"raised", func(s *Spec) { s.Raise = 100 }, []State{Up, Down}, []string{higher}},
		{"raised and back", func(s *Spec) { s.Raise = 100 }, []State{Up, Down, Up}, []string{viaA}},
		{"not raised before it was up", func(s *Spec) { s.Raise = 100 }, []State{Unknown}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.set(route(dst, tt.more, a))
			for _, s := range tt.states {
				w.tell(a, s)
			}
			w.stands(tt.name, tt.want...)
		})
	}
	rows.CoversOn(t, rows.Virtual, "5882-3.2-02", "5882-5-01")
}

// A route with several gateways loses those that fail, in place.
func TestSeveralGateways(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, nil, a, b))
	w.tell(a, Up)
	w.tell(b, Up)
	w.did("both are up", "added "+viaA, "changed "+viaAB)
	w.tell(b, Down)
	w.did("one fails", "changed "+viaA)
	w.tell(a, Down)
	w.did("both have", "removed "+viaA)
	w.tell(b, Up)
	w.tell(a, Up)
	w.did("both are back", "added "+viaB, "changed "+viaAB)
}

// With a higher metric there is no moment without a route, in either direction.
func TestRaisedWithoutGap(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, func(s *Spec) { s.Raise = 100 }, a))
	w.tell(a, Up)
	w.did("up", "added "+viaA)
	w.tell(a, Down)
	w.did("down", "added "+higher, "removed "+viaA)
	w.tell(a, Up)
	w.did("up again", "added "+viaA, "removed "+higher)

	w.tell(a, Down)
	w.others[route(dst, nil, a).place()] = true // somebody takes the place meanwhile
	w.tell(a, Up)
	w.stands("its own place is taken", higher)
	delete(w.others, route(dst, nil, a).place())
	w.table.Retry(false)
	w.settle()
	w.stands("its own place is free", viaA)
}

func (s Spec) place() Place { return s.Place() }

// The hold counts from the session's return, begins again when that was short, and
// is not for the first time.
func TestHold(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, func(s *Spec) { s.Hold = 5 * time.Second }, a))
	w.tell(a, Up)
	w.stands("for the first time", viaA)
	w.tell(a, Down)
	w.tell(a, Up)
	w.pass(4 * time.Second)
	w.tell(a, Down)
	w.pass(4 * time.Second)
	w.tell(a, Up)
	w.pass(4999 * time.Millisecond)
	w.stands("before the hold ends")
	if s := w.table.Statuses(w.now)[0]; s.Members[0].Holding != int64(time.Millisecond) || s.Standing != Absent {
		t.Errorf("%+v", s)
	}
	w.pass(time.Millisecond)
	w.stands("after it", viaA)
}

// What a killed daemon has left stays until its sessions have had time to come up;
// what nobody asks for any more goes at once.
func TestAdoption(t *testing.T) {
	for _, up := range []bool{true, false} {
		testAdoption(t, up)
	}
}

func testAdoption(t *testing.T, up bool) {
	w := newWorld(t)
	left := route(dst, nil, a)
	w.ours[left.Place()] = Object{Place: left.Place(), Hops: []Hop{{Gateway: netip.MustParseAddr(a), Interface: "eth0"}}}
	stray := route("203.0.113.0/24", nil, a)
	w.ours[stray.Place()] = Object{Place: stray.Place()}
	w.set(left)
	w.did("at the start", "removed 203.0.113.0/24 metric 20")
	w.stands("adopted", "198.51.100.0/24 via 192.0.2.1%eth0 metric 20")
	if s := w.table.Statuses(w.now)[0]; !s.Adopted || s.Standing != Installed {
		t.Errorf("%+v", s)
	}
	w.history = nil
	w.pass(9 * time.Second)
	if up {
		w.tell(a, Up)
	}
	w.pass(time.Minute)
	if up {
		w.did("its session has come up in time")
	} else {
		w.stands("its session has not")
	}
}

// A raised route that was left is raised still.
func TestAdoptionOfRaised(t *testing.T) {
	w := newWorld(t)
	s := route(dst, func(s *Spec) { s.Raise = 100 }, a)
	w.ours[s.raised()] = Object{Place: s.raised(), Hops: []Hop{{Gateway: netip.MustParseAddr(a)}}}
	w.set(s)
	w.did("at the start")
	w.tell(a, Up)
	w.did("up", "added "+viaA, "removed "+higher)
}

// Another program's route is never touched, and ours comes when it goes.
func TestForeignRoute(t *testing.T) {
	w := newWorld(t)
	s := route(dst, nil, a)
	w.others[s.Place()] = true
	w.set(s)
	w.tell(a, Up)
	st := w.table.Statuses(w.now)[0]
	if st.Standing != Refused || st.Err.Error() != "somebody else's stands in its place: remove that, or choose another metric here" {
		t.Errorf("%+v", st)
	}
	w.pass(time.Hour)
	if n := w.table.Totals(); n.Errors < 10 || n.Errors > 140 || n.Refused != 1 {
		t.Errorf("in an hour it was tried so often: %+v", n)
	}
	w.tell(a, Down)
	w.tell(a, Up)
	w.did("whatever happens")
	delete(w.others, s.Place())
	w.table.Retry(false)
	w.settle()
	w.stands("it has gone", viaA)
	if n := w.table.Totals(); n.Retries != 1 || n.Installed != 1 {
		t.Errorf("%+v", n)
	}
}

// What somebody else removes is put back, at once for the first time and then more
// and more slowly.
func TestRemovedByOthers(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, nil, a))
	w.tell(a, Up)
	times := 0
	for range 300 { // removed ten times a second, for half a minute
		if len(w.ours) > 0 {
			times++
			clear(w.ours)
			w.look()
		}
		w.pass(100 * time.Millisecond)
	}
	if times < 4 || times > 12 {
		t.Errorf("it was put back %d times", times)
	}
	w.pass(time.Minute)
	clear(w.ours)
	w.look()
	w.stands("after a quiet minute", viaA)
}

// A failed session takes its route out even while it cannot be put elsewhere, and
// what links have to do with it is tried again with them.
func TestGatewayNotOnLink(t *testing.T) {
	w := newWorld(t)
	s := route(dst, nil, a)
	w.refuse[s.Place()] = unix.ENETUNREACH
	w.set(s)
	w.tell(a, Up)
	if st := w.table.Statuses(w.now)[0]; st.Err.Error() != "the gateway is not on a link of this host" || st.Tries != 1 || st.RetryIn == 0 {
		t.Errorf("%+v", st)
	}
	delete(w.refuse, s.Place())
	w.table.Retry(true)
	w.settle()
	w.stands("the link is there", viaA)
}

// A reload touches what is different, and nothing else.
func TestReload(t *testing.T) {
	w := newWorld(t)
	other := route("203.0.113.0/24", nil, b)
	w.set(route(dst, nil, a), other)
	w.tell(a, Up)
	w.tell(b, Up)
	w.history = nil
	w.set(route(dst, nil, a), other)
	w.did("the same again")
	w.set(route(dst, nil, a, b), other)
	w.did("one gateway more", "changed "+viaAB)
	w.set(route(dst, func(s *Spec) { s.Hold = time.Second; s.Withdraw = true }, a, b), other)
	w.did("another policy")
	w.set(route(dst, func(s *Spec) { s.Metric = 30 }, a, b))
	w.did("another metric, and one less", "added 198.51.100.0/24 via 192.0.2.1 and 192.0.2.2 metric 30",
		"removed 198.51.100.0/24 via 192.0.2.1 and 192.0.2.2 metric 20", "removed 203.0.113.0/24 via 192.0.2.2 metric 20")
	w.set()
	w.stands("none is asked for")
}

// On exit a route stays or goes.
func TestFreeze(t *testing.T) {
	w := newWorld(t)
	w.set(route(dst, nil, a), route("203.0.113.0/24", func(s *Spec) { s.Withdraw = true }, a))
	w.tell(a, Up)
	w.table.Freeze()
	w.settle()
	w.tell(a, Down)
	w.stands("after the end", viaA)
}

// An address is there while any, or all, of its peers are.
func TestAddress(t *testing.T) {
	for _, all := range []bool{false, true} {
		w := newWorld(t)
		vip := route("192.0.2.53/32", func(s *Spec) { s.Interface, s.Table, s.Metric, s.All = "lo", 0, 0, all }, a, b)
		w.set(vip)
		there := "192.0.2.53/32 on lo"
		w.tell(a, Up)
		if !all {
			w.stands("one peer is up", there)
		} else {
			w.stands("one of two is up")
		}
		w.tell(b, Up)
		w.stands("both are up", there)
		w.tell(a, Down)
		if all {
			w.stands("one has failed")
		} else {
			w.stands("one has failed, one is left", there)
		}
		w.tell(b, Down)
		w.stands("both have failed")
		w.others[vip.Place()] = true
		w.tell(a, Up)
		w.tell(b, Up)
		w.tell(a, Down)
		w.tell(b, Down)
		if s := w.table.Statuses(w.now)[0]; s.Standing != Absent {
			t.Errorf("all %v: %+v", all, s)
		}
	}
}

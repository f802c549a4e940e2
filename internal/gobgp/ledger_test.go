package gobgp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	one = netip.MustParseAddr("192.0.2.1")
	two = netip.MustParseAddr("192.0.2.2")

	addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
)

// TestLedger plays what happens to one neighbor: the session, gobgpd and an operator
// each have their say, and orders is what becomes of it.
func TestLedger(t *testing.T) {
	const (
		nothing = ""
		disable = "disable"
		enable  = "enable"
	)
	type step struct {
		after  time.Duration // the step before
		do     string        // fail, heal, reconnect
		down   bool          // as gobgpd lists it then
		orders string
	}
	for _, c := range []struct {
		name  string
		fixed bool
		ours  []netip.Addr // from a process before
		steps []step
		left  []netip.Addr // disabled by us at the end
	}{
		{"down and up", false, nil, []step{
			{0, "", false, nothing}, {1, "fail", false, disable}, {1, "", true, nothing}, {time.Minute, "", true, nothing},
			{1, "heal", true, enable}, {1, "", false, nothing}, {time.Minute, "", false, nothing},
		}, []netip.Addr{}},
		{"an order that gobgpd drops is given again", false, nil, []step{
			{0, "fail", false, disable}, {again / 2, "", false, nothing}, {again / 2, "", false, disable}, {1, "", true, nothing},
			{0, "heal", true, enable}, {again / 2, "", true, nothing}, {again / 2, "", true, enable}, {1, "", false, nothing},
		}, []netip.Addr{}},
		{"healed before gobgpd has obeyed", false, nil, []step{
			{0, "fail", false, disable}, {1, "heal", false, nothing}, {1, "", false, nothing}, {1, "", true, enable}, {1, "", false, nothing},
		}, []netip.Addr{}},
		{"healed, and the order was dropped", false, nil, []step{
			{0, "fail", false, disable}, {1, "heal", false, nothing}, {again, "", false, nothing},
		}, []netip.Addr{}},
		{"failed again before gobgpd has enabled it", false, nil, []step{
			{0, "fail", false, disable}, {1, "", true, nothing}, {1, "heal", true, enable}, {1, "fail", true, nothing},
			{1, "", false, disable}, {1, "", true, nothing},
		}, []netip.Addr{one}},
		{"the operator's own", false, nil, []step{
			{0, "", true, nothing}, {1, "fail", true, nothing}, {time.Minute, "", true, nothing}, {1, "heal", true, nothing}, {time.Minute, "", true, nothing},
		}, []netip.Addr{}},
		{"enabled by the operator meanwhile", false, nil, []step{
			{0, "fail", false, disable}, {1, "", true, nothing}, {time.Minute, "", false, nothing}, {time.Minute, "", false, nothing},
			{1, "heal", false, nothing}, {1, "fail", false, disable},
		}, []netip.Addr{one}},
		{"gobgpd has been started again", false, nil, []step{
			{0, "fail", false, disable}, {1, "", true, nothing}, {time.Minute, "reconnect", false, disable}, {1, "", true, nothing},
			{1, "heal", true, enable},
		}, []netip.Addr{one}},
		{"a connection that was lost", false, nil, []step{
			{0, "fail", false, disable}, {1, "", true, nothing}, {time.Minute, "reconnect", true, nothing}, {1, "heal", true, enable}, {1, "", false, nothing},
		}, []netip.Addr{}},
		{"left by a crash", false, []netip.Addr{one}, []step{{0, "", true, enable}, {1, "", false, nothing}}, []netip.Addr{}},
		{"left by a crash and enabled since", false, []netip.Addr{one}, []step{{0, "", false, nothing}}, []netip.Addr{}},
		{"down by gobgpd's configuration", true, []netip.Addr{one}, []step{{0, "", true, nothing}, {1, "fail", true, nothing}, {1, "heal", true, nothing}}, []netip.Addr{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, now := NewLedger(c.ours), time.Unix(1000, 0)
			s := Session{Peer: one}
			for i, step := range c.steps {
				now = now.Add(step.after)
				switch step.do {
				case "fail":
					l.Fail(s, "it is broken")
				case "heal":
					l.Heal(s)
				case "reconnect":
					l.Reconnected()
				}
				list := []Neighbor{{Addr: one, Down: step.down, Fixed: c.fixed}, {Addr: two}}
				got := nothing
				for _, d := range l.Due(list, now, now) {
					if got = disable; d.Enable {
						got = enable
					}
					if d.Addr != one || d.Enable == (d.Why != "") {
						t.Errorf("step %d: %+v", i, d)
					}
				}
				if got != step.orders {
					t.Errorf("step %d: %q, want %q", i, got, step.orders)
				}
			}
			if diff := cmp.Diff(c.left, l.Ours(), addrs); diff != "" {
				t.Errorf("disabled by us: %s", diff)
			}
		})
	}
}

// TestWhose: which neighbor a session is about.
func TestWhose(t *testing.T) {
	ll := netip.MustParseAddr("fe80::1")
	for _, c := range []struct {
		name string
		s    Session
		n    Neighbor
		want bool
	}{
		{"the address", Session{Peer: one}, Neighbor{Addr: one}, true},
		{"another", Session{Peer: two}, Neighbor{Addr: one}, false},
		{"any interface", Session{Peer: one, Interface: "eth0"}, Neighbor{Addr: one}, true},
		{"link-local", Session{Peer: ll, Interface: "eth0"}, Neighbor{Addr: ll, Interface: "eth0"}, true},
		{"link-local elsewhere", Session{Peer: ll, Interface: "eth1"}, Neighbor{Addr: ll, Interface: "eth0"}, false},
		{"the same local address", Session{Peer: one, Local: two}, Neighbor{Addr: one, Local: two}, true},
		{"another local address", Session{Peer: one, Local: two}, Neighbor{Addr: one, Local: ll}, false},
		{"in a VRF", Session{Peer: one}, Neighbor{Addr: one, VRF: "red"}, false},
	} {
		l := NewLedger(nil)
		l.Fail(c.s, "it is broken")
		if got := len(l.Due([]Neighbor{c.n}, time.Unix(1, 0), time.Unix(1, 0))) == 1; got != c.want {
			t.Errorf("%s: disabled %v", c.name, got)
		}
	}
}

// TestTwoSessions: a neighbor is disabled while any of its sessions has failed, and
// one that gobgpd has no more is forgotten.
func TestTwoSessions(t *testing.T) {
	l, now := NewLedger(nil), time.Unix(1000, 0)
	a, b := Session{Peer: one, Multihop: true}, Session{Peer: one}
	l.Fail(a, "a")
	l.Fail(b, "b")
	if got := l.Due([]Neighbor{{Addr: one}}, now, now); len(got) != 1 || got[0].Why != "a" {
		t.Errorf("%+v", got)
	}
	l.Heal(a)
	down := []Neighbor{{Addr: one, Down: true}}
	if got := l.Due(down, now.Add(1), now.Add(1)); len(got) != 0 {
		t.Errorf("one of them has failed still, and %+v", got)
	}
	for at, left := range map[time.Duration]int{2: 1, patience: 1, patience + 2: 0} {
		l := *l
		l.ours = map[netip.Addr]*hold{one: {missing: now.Add(2)}}
		if got := l.Due(nil, now.Add(at), now.Add(at)); len(got) != 0 || len(l.Ours()) != left {
			t.Errorf("missing until %v: %+v, and still ours: %v", at, got, l.Ours())
		}
	}
}

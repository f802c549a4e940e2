package netlinkmon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var compareQueries = cmp.AllowUnexported(query{}, answer{})

func ask(peer, local string) query { return query{peer: ip(peer), local: ip(local)} }

// What changes decides which answers are asked for again.
func TestLookupsTake(t *testing.T) {
	queries := []query{ask("10.0.0.2", "192.0.2.1"), ask("10.0.9.2", "192.0.2.1"), ask("2001:db8:9::2", "2001:db8::1")}
	other := func(cidr string) routeEvent { return routeEvent{dst: netip.MustParsePrefix(cidr)} }
	watched := addNeigh(2, "192.0.2.9", unix.NUD_REACHABLE, 7)
	for _, c := range []struct {
		name string
		e    event
		want []query
	}{
		{"host route", other("10.0.0.2/32"), queries[:1]},
		{"route to both", other("10.0.0.0/16"), queries[:2]},
		{"default route of a family", other("0.0.0.0/0"), queries[:2]},
		{"default route of the other", other("::/0"), queries[2:]},
		{"route of the main table", addRoute(2, "10.0.9.0/24", 0, ""), queries[1:2]},
		{"route elsewhere", other("10.1.0.0/16"), nil},
		{"rule", policyEvent{}, queries},
		{"new interface", addLink(4, "eth2", up), queries},
		{"interface down", addLink(2, "eth0", down), queries},
		{"carrier lost", addLink(2, "eth0", noCable), queries},
		{"renamed", addLink(2, "wan", up), nil},
		{"gone", linkEvent{index: 3, gone: true, link: link{name: "eth1"}}, queries},
		{"address", addAddr(3, "10.3.0.1/24"), queries},
		{"address gone", addrEvent{index: 3, gone: true, addr: addAddr(3, "198.51.100.1/24").addr}, queries},
		{"neighbour lost", addNeigh(2, "192.0.2.9", unix.NUD_FAILED, 0), queries},
		{"neighbour with another MAC", addNeigh(2, "192.0.2.9", unix.NUD_REACHABLE, 8), nil},
		{"neighbour nobody watches", addNeigh(2, "192.0.2.8", unix.NUD_REACHABLE, 8), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := have(append(ethernet(), watched)...)
			if s.apply(c.e, func(subject) {}); s.lookups.changed() {
				t.Error("a change without anything to ask")
			}
			s = have(append(ethernet(), watched)...)
			for _, q := range queries {
				s.lookups.answers[q] = answer{}
			}
			s.apply(c.e, func(subject) {})
			got := s.lookups.take()
			slices.SortFunc(got, func(a, b query) int { return a.peer.Compare(b.peer) })
			if d := cmp.Diff(c.want, got, compareAddr, compareQueries); d != "" {
				t.Error(d)
			}
			if s.lookups.changed() || s.lookups.take() != nil {
				t.Error("taken twice")
			}
		})
	}
}

// A thousand changes are one round of questions, whose time bounds the next.
func TestAskerRounds(t *testing.T) {
	const paths = 3 * askChunk / 2
	s := have(ethernet()...)
	var asked, touched int
	a := &asker{log: slog.New(slog.DiscardHandler), route: func(q query) answer {
		asked++
		return answer{kind: unix.RTN_UNICAST, ifindex: 2}
	}}
	for i := range paths {
		s.lookups.answers[ask(fmt.Sprintf("10.0.0.%d", i+1), "192.0.2.1")] = answer{}
	}
	storm := func() {
		for i := range 1000 {
			s.apply(routeEvent{dst: netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/32", i%250))}, func(subject) {})
		}
	}
	round := func() {
		for a.due(s) {
			before := asked
			if a.work(s, func(subject) { touched++ }); asked-before > askChunk {
				t.Errorf("%d questions at once", asked-before)
			}
		}
	}
	storm()
	if round(); asked != paths || touched != paths {
		t.Errorf("%d questions, %d new answers for %d paths", asked, touched, paths)
	}
	storm()
	if round(); asked != paths {
		t.Error("the next round did not wait")
	}
	select {
	case <-a.hold:
	case <-time.After(askMost + patience):
		t.Fatal("the next round waits for good")
	}
	a.hold = nil
	if round(); asked != 2*paths || touched != paths {
		t.Errorf("%d questions, %d new answers in two rounds for %d paths", asked, touched, paths)
	}
}

// Who has to be told that an answer is another, and who has gone meanwhile.
func TestAskerSkipsTheUnwatched(t *testing.T) {
	s := have(ethernet()...)
	one, two := ask("10.0.0.1", "192.0.2.1"), ask("10.0.0.2", "192.0.2.1")
	a := &asker{route: func(q query) answer {
		if q == two {
			t.Error("asked for a path that nobody watches")
		}
		return answer{kind: unix.RTN_UNICAST}
	}, todo: []query{two, one}}
	s.lookups.answers[one] = answer{}
	var touched []subject
	a.work(s, func(s subject) { touched = append(touched, s) })
	if len(touched) != 1 || touched[0].query() != one {
		t.Errorf("touched %v", touched)
	}
}

func TestParseAnswer(t *testing.T) {
	unicast := rtHeader(unix.AF_INET, 32, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, unix.RTM_F_CLONED)
	oif := attr(unix.RTA_OIF, u32(5)...)
	via := append(u16(unix.AF_INET6), six...)
	for _, c := range []struct {
		name string
		body []byte
		ok   bool
		want answer
	}{
		{"on the link", body(unicast, oif), true, answer{kind: unix.RTN_UNICAST, ifindex: 5}},
		{"by a router", body(unicast, oif, attr(unix.RTA_GATEWAY, four...)), true,
			answer{kind: unix.RTN_UNICAST, ifindex: 5, router: ip("192.0.2.1")}},
		{"by an IPv6 router", body(unicast, oif, attr(unix.RTA_VIA, via...)), true,
			answer{kind: unix.RTN_UNICAST, ifindex: 5, router: ip("2001:db8::1")}},
		{"into a tunnel", body(unicast, oif, attr(unix.RTA_ENCAP|unix.NLA_F_NESTED)), true,
			answer{kind: unix.RTN_UNICAST, ifindex: 5, wrapped: true}},
		{"blackhole", rtHeader(unix.AF_INET6, 64, unix.RT_TABLE_MAIN, unix.RTN_BLACKHOLE, 0), true,
			answer{kind: unix.RTN_BLACKHOLE}},
		{"without an interface", unicast, false, answer{kind: unix.RTN_UNICAST}},
		{"half a header", unicast[:11], false, answer{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := parseAnswer(c.body)
			if d := cmp.Diff(c.want, got, compareAddr, compareQueries); d != "" || ok != c.ok {
				t.Errorf("ok %v, %s", ok, d)
			}
			for cut := range c.body {
				parseAnswer(c.body[:cut]) // must not panic
			}
		})
	}
}

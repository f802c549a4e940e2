package routes

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/testnet"
)

// patience is how long the kernel and iproute2 are waited for on a busy machine.
const patience = 20 * time.Second

// place is a namespace with an interface, and a Manager for it.
type place struct {
	t  testing.TB
	ns *testnet.NS
	m  *Manager
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, ns: testnet.NewNS(t, "host")}
	far := testnet.NewNS(t, "far")
	testnet.Veth(t, p.ns, "eth0", far, "eth0")
	p.ns.AddAddr(t, "eth0", "192.0.2.9/24")
	p.ns.AddAddr(t, "eth0", "2001:db8::9/64")
	p.open()
	return p
}

// open begins anew, as a process that does not know of the one before.
func (p *place) open() {
	p.t.Helper()
	err := p.ns.Do(func() error {
		k, err := Open()
		if err == nil {
			p.m = NewManager(Options{Kernel: k, Now: monotonic, Logger: slog.New(slog.NewTextHandler(p.t.Output(), nil))})
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	m := p.m
	p.t.Cleanup(func() { m.Close() })
}

func monotonic() session.Time {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return session.Time(ts.Nano())
}

func (p *place) ip(args string) string {
	p.t.Helper()
	var out []byte
	err := p.ns.Do(func() (err error) {
		out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		return err
	})
	if err != nil {
		p.t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// has waits until the routes of a protocol to a prefix are as many.
func (p *place) has(when, args string, want int) {
	p.t.Helper()
	var got int
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if got = strings.Count(p.ip(args), "\n"); got == want {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: ip %s tells of %d, want %d", when, args, got, want)
		}
	}
}

const ours = "route show table all proto 184"

// TestKernel: what others do to the kernel's routes, and a process that dies.
func TestKernel(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	four, six := route(dst, nil, a), route("2001:db8:1::/48", nil, "2001:db8::1")
	states := []Told{{Session: key(a), State: Up}, {Session: key("2001:db8::1"), State: Up}}
	if n := len(p.m.Set([]Spec{four, six}, states)); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
	p.has("set", "-4 "+ours, 1)
	p.has("set", "-6 "+ours, 1)

	p.ip("route del 198.51.100.0/24")
	p.ip("-6 route del 2001:db8:1::/48")
	p.has("removed by somebody else", "-4 "+ours, 1)
	p.has("removed by somebody else", "-6 "+ours, 1)

	p.ns.SetDown(t, "eth0")
	p.has("the link is down", "-4 "+ours, 0)
	p.ns.SetUp(t, "eth0")
	p.has("the link is up", "-4 "+ours, 1)

	// A killed process says nothing and removes nothing.
	p.kill()
	p.open()
	stray := "route add 203.0.113.0/24 via 192.0.2.1 proto 184"
	p.ip(stray)
	if changes := p.m.Set([]Spec{four}, nil); slices.ContainsFunc(changes, func(c Change) bool { return c.Verb != Remove || c.Object.Prefix == four.Prefix }) {
		t.Errorf("adopting did %+v", changes)
	}
	if s := p.m.Statuses()[0]; s.Standing != Installed || !s.Adopted {
		t.Errorf("%+v", s)
	}
}

// TestForeignInKernel: what bears another protocol stays, whatever its place.
func TestForeignInKernel(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.ip("route add 198.51.100.0/24 via 192.0.2.2 metric 20 proto static")
	p.ip("-6 route add 2001:db8:1::/48 via 2001:db8::2 metric 20 proto static")
	p.ip("addr add 192.0.2.53/32 dev lo")
	vip := route("192.0.2.53/32", func(s *Spec) { s.Interface, s.Table, s.Metric = "lo", 0, 0 }, a)
	p.m.Set([]Spec{route(dst, nil, a), route("2001:db8:1::/48", nil, "2001:db8::1"), vip},
		[]Told{{Session: key(a), State: Up}, {Session: key("2001:db8::1"), State: Up}})
	for _, s := range p.m.Statuses() {
		want := "somebody else's stands in its place"
		if s.Interface != "" {
			want = "somebody else has added it already"
		}
		if s.Standing != Refused || !strings.Contains(fmt.Sprint(s.Err), want) {
			t.Errorf("%v is %s: %v", s.Prefix, s.Standing, s.Err)
		}
	}
	p.m.Tell([]Told{{Session: key(a), State: Down}, {Session: key("2001:db8::1"), State: Down}})
	p.has("ours failed", "route show proto static", 1)
	p.has("ours failed", "-6 route show proto static", 1)
	p.has("ours failed", "-o addr show dev lo to 192.0.2.53", 1)
	p.m.Tell([]Told{{Session: key(a), State: Up}})
	p.ip("route del 198.51.100.0/24")
	p.has("it has gone", "-4 "+ours, 1)

	p.m.Set([]Spec{route("198.51.101.0/24", nil, "10.9.9.9")}, []Told{{Session: key("10.9.9.9"), State: Up}})
	if s := p.m.Statuses()[0]; s.Standing != Refused || !strings.Contains(fmt.Sprint(s.Err), "not on a link of this host (the kernel says:") {
		t.Errorf("gateway not on a link: %s, %v", s.Standing, s.Err)
	}

	from := func(source string) func(*Spec) { return func(s *Spec) { s.Source = netip.MustParseAddr(source) } }
	p.m.Set([]Spec{route("198.51.102.0/24", from("10.9.9.9"), a), route("2001:db8:2::/48", from("2001:db8:9::9"), v6)},
		[]Told{{Session: key(a), State: Up}, {Session: key(v6), State: Up}})
	for _, s := range p.m.Statuses() {
		if s.Standing != Refused || !strings.Contains(fmt.Sprint(s.Err), "its source is no address of this host") {
			t.Errorf("%v from an address of nobody: %s, %v", s.Prefix, s.Standing, s.Err)
		}
	}
}

// TestBesideOthers: a route that others have put theirs before and behind, at the same
// place, changes alone; also when that was done before this process began.
func TestBesideOthers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	spec := route(dst, nil, a, "192.0.2.3")
	both := []Told{{Session: key(a), State: Up}, {Session: key("192.0.2.3"), State: Up}}
	p.m.Set([]Spec{spec}, both)
	p.ip("route prepend 198.51.100.0/24 via 192.0.2.5 metric 20 proto static")
	p.ip("route append blackhole 198.51.100.0/24 metric 20 proto static")
	others := &p.m.o.Kernel.(*netlink).others
	for end := time.Now().Add(patience); !others.noted(spec.Place()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody has noticed the others")
		}
	}
	check := func(when string, states ...Told) {
		t.Helper()
		p.m.Tell(states)
		p.has(when, "route show proto static", 2)
		p.has(when, "-o "+ours, 1)
		if s := p.m.Statuses()[0]; s.Standing != Installed {
			t.Errorf("%s: %s, %v", when, s.Standing, s.Err)
		}
	}
	check("one gateway has failed", Told{Session: key(a), State: Down})
	p.tells("one gateway has failed", "-o "+ours, "192.0.2.3", 1)
	check("it is back", Told{Session: key(a), State: Up})
	p.tells("it is back", "-o "+ours, "nexthop", 2)
	p.kill()
	p.open()
	p.m.Set([]Spec{spec}, both)
	check("another process", Told{Session: key("192.0.2.3"), State: Down})
	p.tells("another process", "-o "+ours, "192.0.2.1 ", 1)
	check("none is left but others'", Told{Session: key("192.0.2.3"), State: Up})
	p.m.Tell([]Told{{Session: key(a), State: Down}, {Session: key("192.0.2.3"), State: Down}})
	p.has("ours has failed", "route show proto static", 2)
	p.has("ours has failed", ours, 0)
}

// TestManyRoutes takes the time from a session's failure until the kernel has no
// route by it any more.
func TestManyRoutes(t *testing.T) {
	p := newPlace(t)
	for _, n := range []int{1, 100, 1000} {
		var specs []Spec
		for i := range n {
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
			specs = append(specs, route(prefix.String(), nil, a))
		}
		p.m.Set(specs, []Told{{Session: key(a), State: Up}})
		var times []time.Duration
		for range 9 {
			at := time.Now()
			if done := len(p.m.Tell([]Told{{Session: key(a), State: Down}})); done != n {
				t.Fatalf("%d of %d routes removed", done, n)
			}
			times = append(times, time.Since(at))
			p.m.Tell([]Told{{Session: key(a), State: Up}})
		}
		slices.Sort(times)
		t.Logf("%d routes removed: p50 %v, max %v of %d", n, times[len(times)/2], times[len(times)-1], len(times))
	}
	p.m.Tell([]Told{{Session: key(a), State: Down}})
	p.has("all have failed", "-4 "+ours, 0)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{36, 0, 0, 0, 2, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 239, 255, 255, 255, 16, 0, 0, 0, 24, 0, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{28, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 24, 0, 0, 254, 184, 0, 1, 0, 0, 0, 0})
	var m message
	link := func(string) uint32 { return 2 }
	for _, s := range []Spec{group(7, nil, a, v6), by(dst, 7), route(dst, nil, v6), route(dst, nil, a, v6), route("192.0.2.53/32", func(s *Spec) { s.Interface = "lo" }, a)} {
		op := &Op{Object: &Object{Place: s.Place(), Group: s.Group}}
		for _, member := range s.Members {
			op.Object.Hops = append(op.Object.Hops, member.Hop)
		}
		m.b = nil
		switch {
		case s.ID != 0:
			m.group(op, 1, func(Hop) uint32 { return firstNexthop })
			m.nexthop(firstNexthop, op.Object.Hops[0], 1, link)
		case s.Interface != "":
			m.address(op, 1, link)
		default:
			m.route(op, 1, op.Object.Table, link)
		}
		f.Add(m.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name := func(uint32) string { return "eth0" }
		for m := range messages(b) {
			refusal(m)
			parseRoute(m.body, name)
			parseAddress(m.body, name)
			if _, _, _, ok := parseLink(m.body); ok {
				parseVRF(m.body)
			}
			parseNexthop(m.body)
		}
	})
}

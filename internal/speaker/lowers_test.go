package speaker

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// A session on a bridge runs by XDP on the bridge itself: it stays when its peer is
// reached by another port, of which only the bridge knows, and its ports are left
// alone.
func TestBridge(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x0", b, "y0")
	testnet.Veth(t, a, "x1", b, "y1")
	addBridge(t, a, "br0", "x0", "x1")
	addBridge(t, b, "br0", "y0")
	b.Sysctl(t, "net/ipv4/conf/all/arp_ignore", "1") // the end that is in no bridge is not to answer
	a.AddAddr(t, "br0", "192.0.2.1/24")
	b.AddAddr(t, "br0", "192.0.2.2/24")
	s, _, _ := newSpeaker(t, a, Options{})
	far, _, _ := newSpeaker(t, b, Options{})
	spec := engine.Spec{Params: session.Params{DesiredMinTx: 100_000, RequiredMinRx: 100_000, DetectMult: 20}} // for virtual machines, too
	discr, err := s.Add(netlinkmon.Target{Peer: peer4}, spec)
	must(t, err)
	_, err = far.Add(netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.1")}, spec)
	must(t, err)
	status := func() engine.Status {
		st, err := s.Engine().Status(t.Context(), discr)
		must(t, err)
		return st
	}
	taken := func() uint64 {
		c := s.Interfaces()[0].Counters
		return c["steered"] + c["heard"]
	}
	testnet.Eventually(t, 5*time.Second, "the session is up", func() bool { return status().State == packet.Up })
	if p := s.Path(discr); p.Transport != "xdp-generic" || !strings.HasPrefix(p.TransportReason, "bridge: generic XDP") ||
		!strings.HasSuffix(p.TransportReason, "on its ports XDP would keep from a bridge the frames that tell it where its neighbours are") {
		t.Errorf("%s: %s", p.Transport, p.TransportReason)
	}
	for _, move := range [][2]string{{"y0", "y1"}, {"y1", "y0"}} {
		b.SetMaster(t, move[0], "")
		b.SetMaster(t, move[1], "br0")
		before := taken()
		testnet.Eventually(t, 5*time.Second, "frames come by "+move[1], func() bool { return taken() > before+2 })
	}
	if st := status(); st.State != packet.Up || st.Counters.Failures != 0 {
		t.Errorf("%v after %d failures", st.State, st.Counters.Failures)
	}
	if list := s.Interfaces(); len(list) != 1 {
		t.Errorf("open are %+v", list)
	}
}

func addBridge(t *testing.T, n *testnet.NS, name string, ports ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	n.AddLink(t, &netlink.Bridge{LinkAttrs: attrs})
	n.SetMAC(t, name, n.MAC(t, ports[0])) // else it changes with the ports
	for _, p := range ports {
		n.SetMaster(t, p, name)
	}
	n.SetUp(t, name)
}

func TestOwnTransport(t *testing.T) {
	bond, bridge := &netlinkmon.Lowers{Kind: "bond"}, &netlinkmon.Lowers{Kind: "bridge", Own: true}
	type answer struct {
		Own   string
		Below bool
	}
	for _, c := range []struct {
		asked string
		l     *netlinkmon.Lowers
		want  answer
	}{
		{"auto", nil, answer{"auto", false}},
		{"xdp", nil, answer{"xdp", false}},
		{"auto", bond, answer{"udp", true}},
		{"xdp", bond, answer{"udp", true}},
		{"udp", bond, answer{"udp", false}},
		{"xdp-generic", bond, answer{"xdp-generic", false}},
		{"auto", bridge, answer{"auto", false}},
		{"udp", bridge, answer{"udp", false}},
	} {
		got := answer{ownTransport(c.asked, c.l), takesBelow(c.asked, c.l)}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s over %+v: %s", c.asked, c.l, d)
		}
	}
}

// upper stands for a VLAN device or a bond, which a kernel may not have: what
// counts of it is that it has an index, an address and sockets.
type upper struct {
	t      *testing.T
	s      *Speaker
	ns     *testnet.NS
	name   string
	called string // in its paths
	discr  uint32
}

func newUpper(t *testing.T, s *Speaker, ns *testnet.NS, name string) *upper {
	t.Helper()
	spec := engine.Spec{Params: params(session.SingleHop)}
	discr, err := s.engine.Add(spec)
	must(t, err)
	s.mu.Lock()
	s.sessions[discr] = &entry{path: &netlinkmon.Path{}, want: steerSpecOf(spec)}
	s.mu.Unlock()
	return &upper{t: t, s: s, ns: ns, name: name, called: name, discr: discr}
}

// take has the speaker told of a path, as its monitor would.
func (u *upper) take(l *netlinkmon.Lowers) {
	u.t.Helper()
	p := &netlinkmon.Path{
		Ready: true, Ifindex: u.ns.Ifindex(u.t, u.name), Interface: u.called, Lowers: l,
		Local: netip.MustParseAddr("192.0.2.1"), Peer: peer4, NextHop: peer4,
		LocalMAC: packet.MAC(u.ns.MAC(u.t, u.name)), PeerMAC: packet.MAC{2, 0, 0, 0, 0, 9}, MACKnown: true,
	}
	must(u.t, u.s.onPathLoop(u.t.Context(), func() error {
		u.s.update(u.t.Context(), netlinkmon.Update{ID: u.discr, Path: p})
		return nil
	}))
}

// leave takes the session's path away for good, as when it is removed.
func (u *upper) leave() {
	u.t.Helper()
	must(u.t, u.s.onPathLoop(u.t.Context(), func() error {
		u.s.withdraw(u.discr, u.s.sessions[u.discr])
		u.s.closeUnused(u.t.Context())
		return nil
	}))
}

// over makes Lowers of names; a star marks the active ones.
func (u *upper) over(vlan uint16, names ...string) *netlinkmon.Lowers {
	l := &netlinkmon.Lowers{Kind: "VLAN", VLAN: vlan}
	for _, name := range names {
		bare, active := strings.CutSuffix(name, "*")
		m := netlinkmon.Lower{Ifindex: 9999, Name: bare, Active: active}
		if bare != "gone" {
			m.Ifindex = u.ns.Ifindex(u.t, bare)
		}
		l.Members = append(l.Members, m)
	}
	return l
}

// A path by an interface that has another name meanwhile is no reason to refuse
// anything, nor to open another's: the next path is awaited.
func TestPathOvertaken(t *testing.T) {
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "new", b, "y")
	s, _, _ := newSpeaker(t, a, Options{})
	u := newUpper(t, s, a, "new")
	u.called = "old"
	u.take(nil)
	if _, known := s.opened(s.sessions[u.discr]); known || len(s.Refusals()) != 0 || len(s.Interfaces()) != 0 {
		t.Errorf("known %v, refusals %q, interfaces %+v", known, s.Refusals(), s.Interfaces())
	}
	u.called = u.name
	u.take(nil)
	if err, known := s.opened(s.sessions[u.discr]); !known || err != nil || len(s.Interfaces()) != 1 {
		t.Errorf("known %v, err %v, interfaces %+v", known, err, s.Interfaces())
	}
}

// Two VLANs and the link itself share what is open below them: opened by the first,
// closed after the last; each has its own tag, and the way out follows the member
// that is active.
func TestLowersShared(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x0", b, "y0")
	testnet.Veth(t, a, "x1", b, "y1")
	testnet.Veth(t, a, "up7", b, "other7")
	testnet.Veth(t, a, "up8", b, "other8")
	s, _, _ := newSpeaker(t, a, Options{})
	seven, eight, bare := newUpper(t, s, a, "up7"), newUpper(t, s, a, "up8"), newUpper(t, s, a, "x0")
	names := map[int32]string{0: "-"}
	for _, n := range []string{"x0", "x1", "up7", "up8"} {
		names[int32(a.Ifindex(t, n))] = n
	}
	// now says what is open, and for each VLAN by what its frames leave and whose they are
	// on the lower interfaces.
	now := func() string {
		var words []string
		for _, i := range s.Interfaces() {
			words = append(words, i.Name)
		}
		for _, u := range []*upper{seven, eight} {
			st, err := s.engine.Status(t.Context(), u.discr)
			must(t, err)
			words = append(words, names[st.Path.Via])
			for _, lower := range []string{"x0", "x1"} {
				owner := s.tables.Uppers(int32(a.Ifindex(t, lower))).Of(map[string]uint16{"up7": 7, "up8": 8}[u.name])
				words = append(words, names[max(owner, 0)])
			}
		}
		return strings.Join(words, " ")
	}
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"the first VLAN", func() { seven.take(seven.over(7, "x0*", "x1")) }, "up7 x0 x1 x0 up7 - - - -"},
		{"the second", func() { eight.take(eight.over(8, "x0*")) }, "up7 up8 x0 x1 x0 up7 - x0 up8 -"},
		{"the link itself", func() { bare.take(nil) }, "up7 up8 x0 x1 x0 up7 - x0 up8 -"},
		{"another member", func() { seven.take(seven.over(7, "x0", "x1*")) }, "up7 up8 x0 x1 x1 - up7 x0 up8 -"},
		{"both members", func() { seven.take(seven.over(7, "x0*", "x1*")) }, "up7 up8 x0 x1 x1 up7 up7 x0 up8 -"},
		{"another address", func() {
			a.SetMAC(t, "up7", []byte{2, 0, 0, 0, 7, 7})
			seven.take(seven.over(7, "x0*", "x1*"))
		}, "up7 up8 x0 x1 x1 up7 up7 x0 up8 -"},
		{"one that is not there", func() { seven.take(seven.over(7, "x1", "gone*")) }, "up7 up8 x0 x1 - - - x0 up8 -"},
		{"none is active", func() { seven.take(seven.over(7, "x1")) }, "up7 up8 x0 x1 - - - x0 up8 -"},
		{"by sockets", func() { must(t, s.Switch(t.Context(), "x0", "udp", "a test")) }, "up7 up8 x0 x1 - - - - - -"},
		{"by rings again", func() { must(t, s.Switch(t.Context(), "x0", "auto", "a test")) }, "up7 up8 x0 x1 - - - x0 up8 -"},
		{"the first goes", func() { seven.leave() }, "up8 x0 - - - x0 up8 -"},
		{"the second goes", func() { eight.leave() }, "x0 - - - - - -"},
		{"all are gone", func() { bare.leave() }, "- - - - - -"},
	} {
		step.do()
		if got := now(); got != step.want {
			t.Fatalf("%s: have %q, want %q; %+v", step.what, got, step.want, s.Interfaces())
		}
	}
}

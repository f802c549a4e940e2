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
	a.AddAddr(t, "br0", "192.0.2.1/24")
	b.AddAddr(t, "br0", "192.0.2.2/24")
	s, _, _ := newSpeaker(t, a, Options{})
	far, _, _ := newSpeaker(t, b, Options{})
	spec := engine.Spec{Params: session.Params{DesiredMinTx: 100_000, RequiredMinRx: 100_000, DetectMult: 5}}
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
		!strings.HasSuffix(p.TransportReason, "a bridge chooses the port of each frame by those that it has seen") {
		t.Errorf("%s: %s", p.Transport, p.TransportReason)
	}
	for _, move := range [][2]string{{"y0", "y1"}, {"y1", "y0"}} {
		setMaster(t, b, move[0], "")
		setMaster(t, b, move[1], "br0")
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
	must(t, n.Do(func() error { return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}) }))
	n.SetMAC(t, name, n.MAC(t, ports[0])) // else it changes with the ports
	for _, p := range ports {
		setMaster(t, n, p, name)
	}
	n.SetUp(t, name)
}

// setMaster makes an interface a part of another, or of none ("").
func setMaster(t *testing.T, n *testnet.NS, ifname, master string) {
	t.Helper()
	must(t, n.Do(func() error {
		l, err := netlink.LinkByName(ifname)
		if err != nil {
			return err
		}
		if master == "" {
			return netlink.LinkSetNoMaster(l)
		}
		m, err := netlink.LinkByName(master)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, m)
	}))
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

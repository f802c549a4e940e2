//go:build vm

package guest

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// The addresses of the two ends in all tests of stacked interfaces.
const (
	here, there = "192.0.2.1", "192.0.2.2"
	mask        = "/24"
)

// interval of the sessions, us, and how long their ends may take to come up on an
// emulated machine.
const (
	interval = 300_000
	patience = 40 * time.Second
)

// stack adds interfaces that are made of others to a namespace.
type stack struct{ *testnet.NS }

func (s stack) add(t *testing.T, l netlink.Link, parts ...string) {
	t.Helper()
	must(t, s.Do(func() error { return netlink.LinkAdd(l) }))
	for _, p := range parts {
		s.join(t, p, l.Attrs().Name)
	}
	s.SetUp(t, l.Attrs().Name)
}

// join makes an interface a part of another; a bond takes it only while it is down.
func (s stack) join(t *testing.T, part, master string) {
	t.Helper()
	s.SetDown(t, part)
	must(t, s.Do(func() error {
		l, err := netlink.LinkByName(part)
		if err != nil {
			return err
		}
		m, err := netlink.LinkByName(master)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, m)
	}))
	s.SetUp(t, part)
}

func (s stack) vlan(t *testing.T, parent, name string, vid int, protocol netlink.VlanProtocol) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, s.Ifindex(t, parent)
	s.add(t, &netlink.Vlan{LinkAttrs: attrs, VlanId: vid, VlanProtocol: protocol})
}

func (s stack) bond(t *testing.T, name string, mode netlink.BondMode, members ...string) {
	t.Helper()
	s.bonded(t, name, func(b *netlink.Bond) {
		if b.Mode = mode; mode == netlink.BOND_MODE_802_3AD {
			b.LacpRate = netlink.BOND_LACP_RATE_FAST
		}
	}, members...)
}

// bonded adds a bond in mode active-backup, unless change makes it another.
func (s stack) bonded(t *testing.T, name string, change func(*netlink.Bond), members ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	b := netlink.NewLinkBond(attrs)
	b.Mode, b.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 100
	change(b)
	s.add(t, b, members...)
}

// activate has a bond send by another member.
func (s stack) activate(t *testing.T, bond, member string) {
	t.Helper()
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(s.Ifindex(t, bond))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bond"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BOND_ACTIVE_SLAVE, nl.Uint32Attr(uint32(s.Ifindex(t, member))))
	must(t, s.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		req.AddData(msg)
		req.AddData(info)
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}))
}

// leave takes an interface out of what it is a part of, and down.
func (s stack) leave(t *testing.T, part string) {
	t.Helper()
	must(t, s.Do(func() error {
		l, err := netlink.LinkByName(part)
		if err == nil {
			err = netlink.LinkSetNoMaster(l)
		}
		return err
	}))
	s.SetDown(t, part)
}

func (s stack) bridge(t *testing.T, name string, ports ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	s.add(t, &netlink.Bridge{LinkAttrs: attrs}, ports...)
}

// ends are two hosts, joined by n veths x0-y0, x1-y1, ….
func ends(t *testing.T, n int) (a, b stack) {
	t.Helper()
	a, b = stack{testnet.NewNS(t, "a")}, stack{testnet.NewNS(t, "b")}
	for i := range n {
		testnet.Veth(t, a.NS, named("x", i), b.NS, named("y", i))
	}
	return a, b
}

func named(name string, i int) string { return name + string(rune('0'+i)) }

// speak starts a speaker in a namespace.
func (s stack) speak(t *testing.T) *speaker.Speaker {
	t.Helper()
	sp, err := speaker.New(speaker.Options{In: s.Do, DeadMan: 3 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, sp.Close()) })
	return sp
}

// talk is one end of a session.
type talk struct {
	t     *testing.T
	s     *speaker.Speaker
	discr uint32
}

func add(t *testing.T, s *speaker.Speaker, ifname, local, peer string) talk {
	t.Helper()
	discr, err := s.Add(netlinkmon.Target{
		Peer: netip.MustParseAddr(peer), Local: netip.MustParseAddr(local), Interface: ifname,
	}, engine.Spec{Params: session.Params{DesiredMinTx: interval, RequiredMinRx: interval, DetectMult: 3}})
	must(t, err)
	return talk{t, s, discr}
}

// pair runs a session between an interface of a and one of b, which it gives
// addresses, and waits until it is up.
func pair(t *testing.T, a stack, aif string, b stack, bif string) (one, two talk) {
	t.Helper()
	a.AddAddr(t, aif, here+mask)
	b.AddAddr(t, bif, there+mask)
	one, two = add(t, a.speak(t), aif, here, there), add(t, b.speak(t), bif, there, here)
	one.up()
	two.up()
	return one, two
}

func (k talk) status() engine.Status {
	k.t.Helper()
	st, err := k.s.Engine().Status(k.t.Context(), k.discr)
	must(k.t, err)
	return st
}

func (k talk) up() {
	k.t.Helper()
	k.await("the session is up", func() bool { return k.status().State == packet.Up })
}

func (k talk) await(what string, cond func() bool) {
	k.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			k.t.Fatalf("%s: not so: %+v; path %+v; interfaces %+v", what, k.status(), k.s.Path(k.discr), k.s.Interfaces())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// steady says that sessions have been up all the time, now and for a Detection Time,
// and that packets go on arriving.
func steady(t *testing.T, all ...talk) {
	t.Helper()
	before := make([]uint64, len(all))
	for i, k := range all {
		before[i] = k.packets()
	}
	time.Sleep(3 * interval * time.Microsecond)
	for i, k := range all {
		if st := k.status(); st.State != packet.Up || st.Counters.Failures != 0 || k.packets() == before[i] {
			t.Errorf("the session is %v after %d failures, %d packets have come; interfaces %+v",
				st.State, st.Counters.Failures, k.packets()-before[i], k.s.Interfaces())
		}
	}
}

// steady is steady for one session.
func (k talk) steady() {
	k.t.Helper()
	steady(k.t, k)
}

// packets returns how many have come from the peer.
func (k talk) packets() uint64 {
	st := k.status()
	return st.Counters.Rx + st.RxHeard
}

// on returns what is known of an open interface.
func (k talk) on(ifname string) speaker.InterfaceStatus {
	list := k.s.Interfaces()
	if i := slices.IndexFunc(list, func(i speaker.InterfaceStatus) bool { return i.Name == ifname }); i >= 0 {
		return list[i]
	}
	return speaker.InterfaceStatus{}
}

// via returns the lower interface by which frames of one leave, "" if none.
func (k talk) via(ifname string) string {
	for _, l := range k.on(ifname).Lowers {
		if l.Via {
			return l.Name
		}
	}
	return ""
}

// taken returns how many frames XDP has taken on an interface.
func (k talk) taken(ifname string) uint64 {
	c := k.on(ifname).Counters
	return c["steered"] + c["heard"] + c["insured"]
}

// takes says that frames arrive by XDP on an interface.
func (k talk) takes(ifname string) {
	k.t.Helper()
	before := k.taken(ifname)
	k.await("frames come by "+ifname, func() bool { return k.taken(ifname) > before+1 })
}

// whole waits until both members of the bond below an interface are active.
func (k talk) whole(ifname string) {
	k.t.Helper()
	k.await("both members are active", func() bool {
		l := k.on(ifname).Lowers
		return len(l) == 2 && l[0].Active && l[1].Active && k.via(ifname) != ""
	})
}

// cut takes the link away and has the session notice in its Detection Time.
func (k talk) cut(how func()) {
	k.t.Helper()
	how()
	start := time.Now()
	k.await("the session is down", func() bool { return k.status().State == packet.Down })
	k.t.Logf("noticed after %v", time.Since(start))
	if took := time.Since(start); took > 3*time.Second {
		k.t.Errorf("noticed after %v", took)
	}
}

// card finds a network card by its Ethernet address and gives it to the namespace.
func (s stack) card(t *testing.T, mac string) (name string) {
	t.Helper()
	want, err := net.ParseMAC(mac)
	must(t, err)
	var links []netlink.Link
	for range 10 { // others may come or go meanwhile
		if links, err = netlink.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	must(t, err)
	for _, l := range links {
		if slices.Equal(l.Attrs().HardwareAddr, want) {
			must(t, netlink.LinkSetNsFd(l, s.FD()))
			s.SetUp(t, l.Attrs().Name)
			return l.Attrs().Name
		}
	}
	testnet.Require(t, false, "needs a card with the address "+mac)
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// What NetworkManager, systemd-networkd and people do to a network while sessions
// run over it.

// change does something to a host's interface by netlink.
func (h *host) change(t testing.TB, fn func(netlink.Link) error) error {
	t.Helper()
	return h.Do(func() error {
		l, err := netlink.LinkByName(h.ifname)
		if err != nil {
			return err
		}
		return fn(l)
	})
}

// kept checks that no session of the daemons has failed.
func kept(t testing.TB, when string, daemons ...*daemon) {
	t.Helper()
	for _, d := range daemons {
		for _, s := range d.sessions(t) {
			if s.State != "up" || s.Counters.Down != 0 {
				t.Errorf("%s: session of %s with %s: %+v", when, d.ifname, s.Peer, s)
			}
		}
	}
}

// hearsAll waits until every session has heard more packets than can have been under way.
func (d *daemon) hearsAll(t testing.TB) {
	t.Helper()
	heard := func() map[uint32]uint64 {
		of := make(map[uint32]uint64)
		for _, s := range d.sessions(t) {
			of[s.LocalDiscriminator] = s.Counters.Rx + s.Counters.RxHeard
		}
		return of
	}
	before := heard()
	eventually(t, patience, "each session hears its peer", func() bool {
		for discr, n := range heard() {
			if n < before[discr]+10 {
				return false
			}
		}
		return true
	})
}

// waitTransport waits until the daemon's one interface travels so.
func (d *daemon) waitTransport(t testing.TB, transport string) {
	t.Helper()
	eventually(t, patience, "transport "+transport, func() bool {
		list := d.status(t).Interfaces
		return len(list) == 1 && list[0].Transport == transport
	})
}

// A restart of what manages the network takes addresses, neighbours, routes and
// rules away and puts them back: in less than a detection time no session fails.
func TestAddressesFlushed(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	slow := func(local, peer *host) string {
		return withMultiplier(pair(local, peer), 100)
	}
	da, db := start(t, a, slow(a, b)), start(t, b, slow(b, a))
	da.waitUp(t)
	db.waitUp(t)
	since := da.status(t).Interfaces[0].TransportSince
	for range 3 {
		for _, ip := range []netip.Addr{b.v4, b.v6, b.ll} {
			_ = a.NS.NS.DelNeigh(a.ifname, ip) // one that is being resolved goes by itself
		}
		a.AddRoute(t, a.ifname, "198.51.100.0/24", b.v4.String())
		rule := netlink.NewRule()
		rule.Priority, rule.Table, rule.Mark = 1000, 100, 1
		must(t, a.Do(func() error { return netlink.RuleAdd(rule) }))
		a.DelAddr(t, a.ifname, a.v4.String()+"/24")
		a.DelAddr(t, a.ifname, a.v6.String()+"/64")
		a.DelAddr(t, a.ifname, a.ll.String()+"/64")
		a.address(t)
		must(t, a.Do(func() error { return netlink.RuleDel(rule) }))
		da.hearsAll(t)
		db.hearsAll(t)
	}
	kept(t, "after addresses were flushed and given back", da, db)
	if i := da.status(t).Interfaces[0]; i.TransportSince != since {
		t.Errorf("the interface was opened anew, at %v", i.TransportSince)
	}
	eventually(t, patience, "the kernel keeps the peers resolved again", func() bool { return a.managed(t) == 3 })
	before := da.steered(t)
	eventually(t, patience, "XDP takes packets", func() bool { return da.steered(t) > before+5 })
}

// A link that goes down takes its sessions with it, and they come back with it by
// the same transport; so does one whose carrier goes.
func TestLinkGoesDown(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(a, b *host) *host{
		"down":    func(a, _ *host) *host { return a },
		"carrier": func(_, b *host) *host { return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			twin := start(t, b, oneSession(a, 50*time.Millisecond, ""))
			d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
			d.waitUp(t)
			h := at(a, b)
			h.SetDown(t, h.ifname)
			if name == "down" {
				d.waitPath(t, b.v4, "interface a is down")
			}
			if s := d.waitState(t, b.v4, "down"); s.Diagnostic != "control-expiry" {
				t.Errorf("session %+v", s)
			}
			twin.waitState(t, a.v4, "down")
			h.SetUp(t, h.ifname)
			d.waitUp(t)
			twin.waitUp(t)
			d.waitTransport(t, "xdp-native")
			before := d.steered(t)
			eventually(t, patience, "XDP takes packets", func() bool { return d.steered(t) > before+5 })
			rows.Covers(t, "ENV-FB-01")
		})
	}
}

// A session that names its interface waits for one of that name; one that does not
// follows the interface, and so does the interface's status and what is configured
// for the new name.
func TestInterfaceRenamed(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	db := start(t, b, pair(b, a))
	config := fmt.Sprintf(`
shutdown-hold: 500ms
interfaces: [{name: z, transport: xdp-generic}]
profiles: {p: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d}}
peers:
  - {peer: %s, local-address: %s, profile: p}
  - {peer: "%s", local-address: "%s", profile: p}
  - {peer: "%s", interface: a, profile: p}
`, mult, b.v4, a.v4, b.v6, a.v6, b.ll)
	d := start(t, a, config)
	d.waitUp(t)
	a.Rename(t, "a", "z")
	d.waitPath(t, b.ll, "interface a does not exist")
	d.waitState(t, b.ll, "down")
	d.waitTransport(t, "xdp-generic")
	for _, peer := range []netip.Addr{b.v4, b.v6} {
		if s := d.session(t, peer); s.State != "up" || s.Counters.Down != 0 || s.Interface != "z" {
			t.Errorf("session with %s: %+v", peer, s)
		}
	}
	if i := d.status(t).Interfaces; len(i) != 1 || i[0].Name != "z" {
		t.Errorf("interfaces %+v", i)
	}
	a.Rename(t, "z", "a")
	d.waitUp(t)
	d.waitTransport(t, "xdp-native")
	for _, peer := range []netip.Addr{b.v4, b.v6} {
		if s := d.session(t, peer); s.State != "up" || s.Counters.Down != 0 || s.Interface != "a" {
			t.Errorf("session with %s: %+v", peer, s)
		}
	}
	db.waitUp(t)
}

// An MTU that the driver does not give native XDP for is refused by the kernel
// while native XDP is there. Where it came first generic XDP serves, and native XDP
// as soon as the MTU allows it, without a flap.
func TestMTUChanges(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	mtu := func(h *host, mtu int) error {
		return h.change(t, func(l netlink.Link) error { return netlink.LinkSetMTU(l, mtu) })
	}
	must(t, mtu(a, 9000))
	must(t, mtu(b, 9000))
	twin := start(t, b, "transport: udp\n"+oneSession(a, 50*time.Millisecond, ""))
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	d.waitUp(t)
	const why = "driver veth refuses native XDP at an MTU of 9000"
	if i := d.status(t).Interfaces[0]; i.Transport != "xdp-generic" || !strings.Contains(i.TransportReason, why) {
		t.Errorf("at 9000: %s (%s), want generic XDP because %s", i.Transport, i.TransportReason, why)
	}
	must(t, mtu(b, 1500))
	must(t, mtu(a, 1500))
	d.waitTransport(t, "xdp-native")
	if err := mtu(b, 9000); err == nil {
		t.Error("the kernel took an MTU of 9000 under native XDP")
	}
	must(t, mtu(b, 3000))
	must(t, mtu(a, 3000))
	before := d.steered(t)
	eventually(t, patience, "XDP takes packets", func() bool { return d.steered(t) > before+5 })
	kept(t, "after MTUs have changed", d, twin)
}

// An interface waits for sessions that may come back, but not for long.
func TestInterfaceUnused(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	a.DelAddr(t, a.ifname, a.v4.String()+"/24")
	d.waitPath(t, b.v4, "no interface is directly connected to 192.0.2.2")
	if len(d.status(t).Interfaces) != 1 {
		t.Error("the interface was closed at once")
	}
	eventually(t, patience, "the interface is closed", func() bool { return len(d.status(t).Interfaces) == 0 })
}

// An interface that is moved to another namespace leaves nothing of xbfd's there.
// When it is back the sessions are too.
func TestInterfaceLeavesNamespace(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	away := newHost(t, "c")
	away.ifname = a.ifname
	da, db := startPair(t, a, b)
	must(t, a.change(t, func(l netlink.Link) error { return netlink.LinkSetNsFd(l, away.FD()) }))
	for _, peer := range []netip.Addr{b.v4, b.v6, b.ll} {
		da.waitPath(t, peer, "interface a does not exist")
		da.waitState(t, peer, "down")
	}
	eventually(t, patience, "the XDP program is gone from it", func() bool { return away.attached(t) == 0 })
	must(t, away.change(t, func(l netlink.Link) error { return netlink.LinkSetNsFd(l, a.FD()) }))
	a.SetUp(t, a.ifname)
	a.address(t)
	da.waitUp(t)
	db.waitUp(t)
	da.waitTransport(t, "xdp-native")
}

// An address that moves to another interface takes a session along that does not
// name its interface.
func TestAddressMovesToAnotherInterface(t *testing.T) {
	t.Parallel()
	a, b := newHost(t, "a"), newHost(t, "b")
	bridge := testnet.NewBridge(t)
	bridge.Join(t, a.NS, "a")
	bridge.Join(t, a.NS, "a2")
	bridge.Join(t, b.NS, "b")
	a.AddAddr(t, "a", a.v4.String()+"/24")
	b.AddAddr(t, "b", b.v4.String()+"/24")
	twin := start(t, b, oneSession(a, 50*time.Millisecond, ""))
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	d.waitUp(t)
	for _, move := range []struct{ from, to string }{{"a", "a2"}, {"a2", "a"}} {
		a.DelAddr(t, move.from, a.v4.String()+"/24")
		a.AddAddr(t, move.to, a.v4.String()+"/24")
		eventually(t, patience, "the session is on "+move.to, func() bool { return d.session(t, b.v4).Interface == move.to })
		d.waitUp(t)
		twin.waitUp(t)
		eventually(t, patience, "interface "+move.to+" is open, and no other any more", func() bool {
			list := d.status(t).Interfaces
			return len(list) == 1 && list[0].Name == move.to && list[0].Transport == "xdp-native"
		})
	}
}

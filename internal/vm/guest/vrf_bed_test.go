//go:build vm

package guest

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// vrfNames are the VRFs of a vrfBed, "" the default one, and vrfTables their tables.
var (
	vrfNames  = []string{"", "red", "blue"}
	vrfTables = map[string]uint32{"red": 1010, "blue": 1020}
)

// vrfBed is a host with an interface in each of three VRFs, named after it, and a
// peer behind each: all peers have the same addresses, and so has the host in each
// VRF. Sessions are told apart by VRF and target.
type vrfBed struct {
	t     *testing.T
	host  *vrfEnd
	peers map[string]*vrfEnd
}

// vrfEnd is a speaker in a namespace of its own.
type vrfEnd struct {
	devices.NS
	*speaker.Speaker
	discr map[string]uint32 // by VRF and target
}

// vrfTargets are the sessions in each VRF, as the host has them.
var vrfTargets = map[string]netlinkmon.Target{
	"ipv4":     {Peer: netip.MustParseAddr("192.0.2.2")},
	"ipv6":     {Peer: netip.MustParseAddr("2001:db8::2"), Local: netip.MustParseAddr("2001:db8::1")},
	"multihop": {Peer: netip.MustParseAddr("10.0.0.2"), Local: netip.MustParseAddr("10.0.0.1"), Multihop: true},
	"multihop6": {Peer: netip.MustParseAddr("2001:db8:2::2"), Local: netip.MustParseAddr("2001:db8:1::1"),
		Multihop: true},
}

func vrfPort(vrf string) string { return "to-" + vrf }

// newVRFBed is one whose ends run and have their sessions.
func newVRFBed(t *testing.T, transport string) *vrfBed {
	t.Helper()
	b := emptyVRFBed(t)
	b.start(transport)
	return b
}

// emptyVRFBed has everything but those.
func emptyVRFBed(t *testing.T) *vrfBed {
	t.Helper()
	b := &vrfBed{t: t, host: &vrfEnd{NS: devices.New(t, "host")}, peers: make(map[string]*vrfEnd)}
	for _, vrf := range vrfNames {
		peer := &vrfEnd{NS: devices.New(t, "peer"+vrf)}
		b.peers[vrf] = peer
		testnet.Veth(t, b.host.NS.NS, vrfPort(vrf), peer.NS.NS, "p0")
		if vrf != "" {
			b.addVRF(vrf)
		}
		b.address(vrf)
		for _, a := range []string{"192.0.2.2/24", "2001:db8::2/64"} {
			peer.AddAddr(t, "p0", a)
		}
		peer.AddAddr(t, "lo", "10.0.0.2/32")
		peer.AddAddr(t, "lo", "2001:db8:2::2/128")
		peer.AddRoute(t, "p0", "10.0.0.1/32", "192.0.2.1")
		peer.AddRoute(t, "p0", "2001:db8:1::1/128", "2001:db8::1")
	}
	return b
}

func (b *vrfBed) start(transport string) {
	b.t.Helper()
	for _, e := range append([]*vrfEnd{b.host}, b.peers[""], b.peers["red"], b.peers["blue"]) {
		e.start(b.t, transport)
	}
	for _, vrf := range vrfNames {
		for name, target := range vrfTargets {
			there := target
			if there.Peer, there.Local = target.Local, target.Peer; !there.Peer.IsValid() {
				there.Peer = netip.MustParseAddr("192.0.2.1")
			}
			target.VRF = vrf
			b.host.add(b.t, vrf+name, target)
			b.peers[vrf].add(b.t, vrf+name, there)
		}
	}
}

func (e *vrfEnd) start(t *testing.T, transport string) {
	t.Helper()
	var err error
	e.discr = make(map[string]uint32)
	e.Speaker, err = speaker.New(speaker.Options{
		In: e.Do, Transport: func(string) string { return transport }, DeadMan: 3 * time.Second,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
}

func (e *vrfEnd) add(t *testing.T, name string, target netlinkmon.Target) {
	t.Helper()
	spec := engine.Spec{Params: session.Params{DesiredMinTx: interval, RequiredMinRx: interval, DetectMult: mult}}
	if target.Multihop {
		spec.Params.Kind = session.Multihop
	}
	discr, err := e.Add(target, spec)
	must(t, err)
	e.discr[name] = discr
}

// addVRF makes a VRF and puts its interface into it.
func (b *vrfBed) addVRF(vrf string) {
	b.t.Helper()
	b.host.VRF(b.t, vrf, vrfTables[vrf])
	b.host.SetMaster(b.t, vrfPort(vrf), vrf)
}

// address gives the host its addresses and routes in a VRF.
func (b *vrfBed) address(vrf string) {
	b.t.Helper()
	port, loop, table := vrfPort(vrf), "lo", uint32(0)
	if vrf != "" {
		loop, table = vrf, vrfTables[vrf]
	}
	for _, a := range [][2]string{
		{port, "192.0.2.1/24"}, {port, "2001:db8::1/64"}, {loop, "10.0.0.1/32"}, {loop, "2001:db8:1::1/128"},
	} {
		b.own(a[0], a[1])
	}
	b.routes(port, table)
}

// own gives an interface of the host an address, which it may have.
func (b *vrfBed) own(ifname, address string) {
	b.t.Helper()
	must(b.t, b.host.Do(func() error {
		l, err := netlink.LinkByName(ifname)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		a.Flags |= unix.IFA_F_NODAD
		return netlink.AddrReplace(l, a)
	}))
}

// routes lead to the peers of multihop sessions.
func (b *vrfBed) routes(port string, table uint32) {
	b.t.Helper()
	must(b.t, b.host.Do(func() error {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		for dst, gateway := range map[string]string{"10.0.0.2/32": "192.0.2.2", "2001:db8:2::2/128": "2001:db8::2"} {
			to, err := netlink.ParseIPNet(dst)
			if err != nil {
				return err
			}
			r := netlink.Route{LinkIndex: l.Attrs().Index, Dst: to, Gw: netip.MustParseAddr(gateway).AsSlice(), Table: int(table)}
			if err := netlink.RouteReplace(&r); err != nil {
				return err
			}
		}
		return nil
	}))
}

// status returns how a session of the host stands.
func (b *vrfBed) status(vrf, target string) engine.Status {
	b.t.Helper()
	st, err := b.host.Engine().Status(b.t.Context(), b.host.discr[vrf+target])
	must(b.t, err)
	return st
}

// all says that all sessions of a VRF are up, or that none is.
func (b *vrfBed) all(vrf string, up bool) bool {
	for target := range vrfTargets {
		if (b.status(vrf, target).State == packet.Up) != up {
			return false
		}
	}
	return true
}

// awaitUp waits until all sessions of all VRFs are up.
func (b *vrfBed) awaitUp() {
	b.t.Helper()
	for _, vrf := range vrfNames {
		testnet.Eventually(b.t, patience, "sessions up in VRF "+vrf, func() bool { return b.all(vrf, true) })
	}
}

// awaitDown waits until no session of a VRF is up.
func (b *vrfBed) awaitDown(vrf string) {
	b.t.Helper()
	testnet.Eventually(b.t, patience, "sessions down in VRF "+vrf, func() bool { return b.all(vrf, false) })
}

// downs counts how often the sessions of a VRF went down.
func (b *vrfBed) downs(vrf string) (n uint64) {
	for target := range vrfTargets {
		n += b.status(vrf, target).Counters.Down
	}
	return n
}

// latest says what happened last to the sessions of some VRFs, for who finds that too
// much did.
func (b *vrfBed) latest(vrfs ...string) string {
	var text strings.Builder
	for _, vrf := range vrfs {
		for target := range vrfTargets {
			st := b.status(vrf, target)
			fmt.Fprintf(&text, "\n%s in VRF %q: %d times up, %d down, latest %+v", target, vrf, st.Counters.Up, st.Counters.Down, st.Change)
		}
	}
	return text.String()
}

// waits awaits the reason for which a session of the host cannot send.
func (b *vrfBed) waits(vrf, target, want string) {
	b.t.Helper()
	var got string
	defer func() {
		if b.t.Failed() {
			b.t.Logf("%s in VRF %s waits for %q", target, vrf, got)
		}
	}()
	testnet.Eventually(b.t, patience, "reason: "+want, func() bool {
		got = b.host.Path(b.host.discr[vrf+target]).Waiting
		return got == want
	})
}

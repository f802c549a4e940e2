package bpf

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// The network of the program tests: frames arrive on the loopback interface,
// which every namespace has, as if its MAC were stationMAC.
const (
	loopback = 1
	vlanID   = 20 // whose device is interface vlanIf
	vlanIf   = 77
	discr    = 0x1a2b3c4d
	otherDis = 0x11223344
)

var (
	stationMAC  = packet.MAC{0x02, 0, 0, 0, 0, 0x0a}
	neighborMAC = packet.MAC{0x02, 0, 0, 0, 0, 0x0b}
	vlanMAC     = packet.MAC{0x02, 0, 0, 0, 0, 0x0c}

	local4, peer4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	local6, peer6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	localL, peerL = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")

	// Peers of local4 and local6 that have their Echo packets looped.
	looper4, looper6 = netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("2001:db8::3")

	// The local address of a session with peer4 that is only on the VLAN.
	vlanLocal4 = netip.MustParseAddr("192.0.2.4")

	// A multihop session of each family.
	farLocal4, farPeer4 = netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.9")
	farLocal6, farPeer6 = netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:9::9")
)

// floor is the least TTL of the multihop sessions.
const floor = 250

// rig is a program that is loaded but attached to nothing.
type rig struct {
	*Program
	tables *Tables
}

// newRig knows the sessions above, the single-hop ones on the VLAN as well, and
// discr. Only with a socket can a steered
// frame be told from one that found no socket.
func newRig(t testing.TB, socket bool) rig {
	t.Helper()
	testnet.RequireRoot(t)
	tables := newTables(t)
	for _, ifindex := range []int32{loopback, vlanIf} {
		for _, s := range [][2]netip.Addr{{local4, peer4}, {local6, peer6}, {localL, peerL}} {
			must(t, tables.SetPeer(hop(ifindex, s[0], s[1])))
		}
		for _, s := range [][2]netip.Addr{{local4, looper4}, {local6, looper6}} {
			p := hop(ifindex, s[0], s[1])
			p.Loop = true
			must(t, tables.SetPeer(p))
		}
	}
	must(t, tables.SetPeer(hop(vlanIf, vlanLocal4, peer4)))
	must(t, tables.setUpper(loopback, vlanID, owner{ifindex: vlanIf, mac: vlanMAC}))
	for _, s := range [][2]netip.Addr{{farLocal4, farPeer4}, {farLocal6, farPeer6}} {
		p := hop(0, s[0], s[1])
		p.Multihop, p.MinTTL = true, floor
		must(t, tables.SetPeer(p))
	}
	elsewhere := hop(loopback+1, foreign4, peer4)
	elsewhere.Loop = true
	must(t, tables.SetPeer(elsewhere))
	must(t, tables.AddDiscr(discr, NoLane))
	p := &Program{ifindex: loopback}
	must(t, p.load(tables, 1, 0))
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, p.SetMAC(stationMAC))
	if socket {
		must(t, p.SetSocket(0, rxSocket(t)))
	}
	return rig{p, tables}
}

// hop is a single-hop session without Echo.
func hop(ifindex int32, local, peer netip.Addr) Peer {
	return Peer{Ifindex: ifindex, Local: packet.AddrFrom(local), Peer: packet.AddrFrom(peer)}
}

func newTables(t testing.TB) *Tables {
	t.Helper()
	tables, err := NewTables(16, 16)
	must(t, err)
	t.Cleanup(func() { must(t, tables.Close()) })
	return tables
}

// rxSocket returns an AF_XDP socket with a receive ring: all that the kernel
// asks of a socket before it lets it into a map, and enough for PROG_RUN.
func rxSocket(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.SetsockoptInt(fd, unix.SOL_XDP, unix.XDP_RX_RING, 64))
	return fd
}

// xdpMD is the kernel's struct xdp_md.
type xdpMD struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

// run gives the program one frame and returns its action, what it counted and
// the frame behind it, metadata first.
func (r rig) run(t testing.TB, frame []byte) (action uint32, verdict string, out []byte) {
	t.Helper()
	before, err := r.Verdicts()
	must(t, err)
	opts := ebpf.RunOptions{
		Data:    frame,
		DataOut: make([]byte, len(frame)+64),
		Context: xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: loopback},
	}
	action, err = r.objs.Xbfd.Run(&opts)
	must(t, err)
	after, err := r.Verdicts()
	must(t, err)
	for name, n := range after {
		if n == before[name] {
			continue
		}
		if n != before[name]+1 || verdict != "" {
			t.Fatalf("one frame changed the verdicts from %v to %v", before, after)
		}
		verdict = name
	}
	return action, verdict, opts.DataOut
}

// Actions of an XDP program.
const (
	drop     = 1
	pass     = 2
	tx       = 3
	redirect = 4
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package wire

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// rig is two namespaces joined by a veth pair: "va" in a, "vb" in b.
type rig struct{ a, b *end }

// end is one side of a rig, with tables that know one session of each family
// with the other side.
type end struct {
	*testnet.NS
	ifname   string
	ifindex  int
	mac      packet.MAC
	tables   *bpf.Tables
	addr     [2]netip.Addr // IPv4, IPv6
	neighbor *end
}

func newRig(t testing.TB, o netns.VethOptions) *rig {
	t.Helper()
	r := &rig{
		a: &end{NS: testnet.NewNS(t, "a"), ifname: "va", addr: addrs("192.0.2.1", "2001:db8::1")},
		b: &end{NS: testnet.NewNS(t, "b"), ifname: "vb", addr: addrs("192.0.2.2", "2001:db8::2")},
	}
	testnet.Veth(t, r.a.NS, "va", r.b.NS, "vb", o)
	r.a.neighbor, r.b.neighbor = r.b, r.a
	for _, e := range []*end{r.a, r.b} {
		link := e.Link(t, e.ifname)
		e.ifindex, e.mac = link.Index, packet.MAC(link.MAC)
		e.AddAddr(t, e.ifname, e.addr[0].String()+"/24")
		e.AddAddr(t, e.ifname, e.addr[1].String()+"/64")
		var err error
		e.tables, err = bpf.NewTables(16, 16)
		must(t, err)
		t.Cleanup(func() { must(t, e.tables.Close()) })
		for family, a := range e.addr {
			must(t, e.tables.SetPeer(bpf.Peer{
				Ifindex: int32(e.ifindex), Local: packet.AddrFrom(a), Peer: packet.AddrFrom(e.neighbor.addr[family]),
			}))
		}
	}
	for _, e := range []*end{r.a, r.b} {
		// Permanent: of others the kernel has so many for all namespaces together, and
		// then drops what is sent.
		far := e.neighbor
		must(t, e.NS.NS.AddNeigh(e.ifname, netns.Neigh{IP: far.addr[v4], MAC: far.mac[:]}, netns.Neigh{IP: far.addr[v6], MAC: far.mac[:]}))
		testnet.Eventually(t, 10*time.Second, "addresses are usable", e.usable)
	}
	return r
}

// usable reports whether the kernel has finished with the end's addresses,
// which it does at its leisure even without duplicate address detection.
func (e *end) usable() (ok bool) {
	err := e.Do(func() error {
		l, err := netlink.LinkByName(e.ifname)
		if err != nil {
			return err
		}
		list, err := netlink.AddrList(l, netlink.FAMILY_V6)
		ok = !slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 })
		return err
	})
	return ok && err == nil
}

func addrs(v4, v6 string) [2]netip.Addr {
	return [2]netip.Addr{netip.MustParseAddr(v4), netip.MustParseAddr(v6)}
}

// tryOpen opens the end's interface; Tables are filled in.
func (e *end) tryOpen(o Options) (i *Interface, err error) {
	if o.Transport != TransportUDP && o.NoXDP == nil {
		o.Tables = e.tables
	}
	doErr := e.Do(func() error {
		i, err = Open(e.ifindex, e.ifname, o)
		return nil
	})
	if doErr != nil {
		return nil, doErr
	}
	return i, err
}

// open is tryOpen with the interface closed when the test ends.
func (e *end) open(t testing.TB, o Options) *Interface {
	t.Helper()
	i, err := e.tryOpen(o)
	must(t, err)
	t.Cleanup(func() { must(t, i.Close()) })
	return i
}

// Families of end.addr.
const (
	v4 = iota
	v6
)

// template is a Control packet from this end to the other.
func (e *end) template(family int) *packet.Template {
	t := new(packet.Template)
	t.Render(&packet.Path{
		SrcMAC: e.mac, DstMAC: e.neighbor.mac,
		Src: packet.AddrFrom(e.addr[family]), Dst: packet.AddrFrom(e.neighbor.addr[family]),
		SrcPort: 49152, DstPort: packet.PortControl,
	}, &packet.Control{
		State: packet.Down, DetectMult: 3, MyDiscr: 0x01020304,
		DesiredMinTx: 1e6, RequiredMinRx: 1e6,
	}, nil)
	return t
}

// number writes a mark into a frame that receive finds again; the field is
// Desired Min TX Interval, and the checksum goes on being right.
func number(frame []byte, tmpl *packet.Template, n uint32) {
	at := tmpl.Len() - 12
	for i := range 4 {
		frame[at+i] = byte(n >> (24 - 8*i))
	}
	check := frame[tmpl.BFD()-2 : tmpl.BFD()]
	check[0], check[1] = 0, 0
	if tmpl.L3()+20 < tmpl.BFD()-8 { // IPv6 needs one
		putUDPChecksum(frame[tmpl.L3():tmpl.Len()])
	}
}

// putUDPChecksum computes the checksum of a UDP datagram in IPv6 the plain way.
func putUDPChecksum(ip []byte) {
	sum := uint32(17) + uint32(len(ip)-40)
	for i := 8; i < len(ip); i += 2 {
		sum += uint32(ip[i])<<8 | uint32(ip[i+1])
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	sum = ^sum & 0xffff
	if sum == 0 {
		sum = 0xffff
	}
	ip[46], ip[47] = byte(sum>>8), byte(sum)
}

// send sends numbered frames first, first+1, … in batches of 32 and returns
// how many found no room or were refused.
func send(p engine.Port, tmpl *packet.Template, l2 bool, first, n int) (failed int) {
	for i := range n {
		buf := p.Alloc(l2)
		if buf == nil {
			failed++
			continue
		}
		tmpl.Put(buf, 0)
		number(buf, tmpl, uint32(first+i))
		p.Commit(tmpl.Len(), tmpl.L3())
		if i%32 == 31 {
			failed += p.Flush()
		}
	}
	return failed + p.Flush()
}

// got is a received datagram, copied.
type got struct {
	packet.Datagram
	at      session.Time
	ifindex int32
	frame   []byte
	number  int
}

// receive collects n datagrams, or fewer when no more come for a while.
func receive(t testing.TB, p engine.Port, n int) (list []got) {
	t.Helper()
	var batch [64]engine.Rx
	for idle := time.Now(); len(list) < n && time.Since(idle) < 2*time.Second; {
		k := p.Receive(batch[:])
		for _, rx := range batch[:k] {
			g := got{Datagram: rx.Datagram, at: rx.Arrival, ifindex: rx.Ifindex}
			g.Payload, g.frame = append([]byte(nil), rx.Payload...), append([]byte(nil), rx.Frame...)
			var c packet.Control
			if c.Decode(g.Payload) == packet.DropNone {
				g.number = int(c.DesiredMinTx)
			}
			list = append(list, g)
		}
		if k > 0 {
			idle = time.Now()
		} else {
			time.Sleep(50 * time.Microsecond)
		}
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return string(b)
}

package wire

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// The UDP sockets tell the TTL, refuse nothing for it, and mark what is short:
// judging is the engine's.
func TestUDPSurroundings(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	b := r.b.open(t, Options{Transport: TransportUDP})
	fds := [2]int{r.a.udpSocket(t, unix.AF_INET), r.a.udpSocket(t, unix.AF_INET6)}
	for _, tt := range []struct {
		name   string
		family int
		ttl    int
		size   int
		drop   packet.Drop
	}{
		{"v4", v4, 255, 24, packet.DropNone},
		{"v4 TTL 254", v4, 254, 24, packet.DropNone},
		{"v4 TTL 1", v4, 1, 24, packet.DropNone},
		{"v4 short", v4, 255, 23, packet.DropShort},
		{"v4 empty", v4, 255, 0, packet.DropShort},
		{"v4 after an empty one", v4, 255, 52, packet.DropNone},
		{"v4 long", v4, 255, 1400, packet.DropNone},
		{"v6", v6, 255, 24, packet.DropNone},
		{"v6 hop limit 64", v6, 64, 24, packet.DropNone},
		{"v6 short", v6, 255, 8, packet.DropShort},
	} {
		t.Run(tt.name, func(t *testing.T) {
			level, option := unix.IPPROTO_IP, unix.IP_TTL
			var to unix.Sockaddr = &unix.SockaddrInet4{Port: packet.PortControl, Addr: r.b.addr[v4].As4()}
			if tt.family == v6 {
				level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
				to = &unix.SockaddrInet6{Port: packet.PortControl, Addr: r.b.addr[v6].As16()}
			}
			must(t, unix.SetsockoptInt(fds[tt.family], level, option, tt.ttl))
			payload := make([]byte, tt.size)
			for i := range payload {
				payload[i] = byte(i)
			}
			must(t, unix.Sendto(fds[tt.family], payload, 0, to))
			list := receive(t, b.Port(0), 1)
			if len(list) != 1 {
				t.Fatal("nothing received")
			}
			got := list[0].Datagram
			want := packet.Datagram{
				Src: packet.AddrFrom(r.a.addr[tt.family]), Dst: packet.AddrFrom(r.b.addr[tt.family]),
				SrcPort: got.SrcPort, DstPort: packet.PortControl,
				TTL: uint8(tt.ttl), Drop: tt.drop, Payload: payload,
			}
			if len(payload) == 0 {
				want.Payload = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func (e *end) udpSocket(t *testing.T, family int) (fd int) {
	t.Helper()
	must(t, e.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// Datagrams that waited in the socket while the engine stalled are dated by the
// kernel's time of arrival, not by the read.
func TestUDPArrivalAfterStall(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	o := Options{Transport: TransportUDP}
	a, b := r.a.open(t, o), r.b.open(t, o)
	for f := range r.b.addr {
		r.a.Neigh(t, "va", r.b.addr[f].String(), r.b.mac[:])
	}
	tmpl := r.a.template(v4)
	p := b.Port(0)
	// The kernel begins to take times some time after it was asked to.
	testnet.Eventually(t, 5*time.Second, "the kernel takes the time of arrival", func() bool {
		send(a.Port(0), tmpl, false, 0, 1)
		time.Sleep(2 * time.Millisecond)
		read := Now()
		list := receive(t, p, 1)
		return len(list) == 1 && read-list[0].at > session.Time(session.Millisecond)
	})
	const gap = 20 * time.Millisecond
	var before []session.Time
	for i := range 4 {
		before = append(before, Now())
		send(a.Port(0), tmpl, false, i, 1)
		time.Sleep(gap)
	}
	list := receive(t, p, 4)
	if len(list) != 4 {
		t.Fatalf("received %d of 4", len(list))
	}
	for i, g := range list[:3] {
		if slack := session.Time(session.Millisecond); g.at < before[i]-slack || g.at > before[i+1]+slack {
			t.Errorf("datagram %d arrived at %d, sent between %d and %d", i, g.at, before[i], before[i+1])
		}
	}
	// Whoever does not empty the socket has to take the datagrams in order.
	send(a.Port(0), tmpl, false, 1, 300)
	list = receive(t, p, 200)
	for i, g := range list {
		if g.number != i+1 {
			t.Fatalf("datagram %d has number %d", i+1, g.number)
		}
	}
	if len(list) < 200 { // the socket's buffer holds about 250
		t.Errorf("received %d of 300", len(list))
	}
}

// Times that cannot be are not believed: the wall clock was set.
func TestUDPDateBounds(t *testing.T) {
	r := &udpReader{sets: [2]*udpSet{newUDPSet(), newUDPSet()}}
	set := r.sets[0]
	for _, tt := range []struct {
		name string
		age  time.Duration // of the wall clock's time of arrival
		want time.Duration
	}{
		{"plausible", 600 * time.Millisecond, 600 * time.Millisecond},
		{"older than the last look", time.Hour, 0},
		{"from the future", -time.Hour, 0},
	} {
		wall := time.Now().Add(-tt.age).UnixNano()
		b := message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, timespecBytes(wall)...)
		set.msgs[0].hdr.SetControllen(copy(set.controls[0][:], b))
		r.now = Now()
		r.drained = r.now - session.Time(session.Second)
		r.date(set, 1)
		got := time.Duration(r.now - set.arrivals[0])
		if off := got - tt.want; off < -200*time.Millisecond || off > 200*time.Millisecond {
			t.Errorf("%s: arrived %v ago, want %v", tt.name, got, tt.want)
		}
	}
	rows.Covers(t, "ENV-CLK-01")
}

func timespecBytes(ns int64) []byte {
	ts := unix.NsecToTimespec(ns)
	b := binary.NativeEndian.AppendUint64(nil, uint64(ts.Sec))
	return binary.NativeEndian.AppendUint64(b, uint64(ts.Nsec))
}

// What XDP does not know is the kernel's, and arrives by the UDP socket: other
// traffic and other sessions are unharmed.
func TestUnknownPeerTakesTheSocket(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	tables, err := bpf.NewTables(1, 0)
	must(t, err)
	t.Cleanup(func() { must(t, tables.Close()) })
	old := r.b.tables
	r.b.tables = tables
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	r.b.tables = old
	for family := range 2 {
		send(a.Port(0), r.a.template(family), true, 1, 5)
		list := receive(t, b.Port(0), 5)
		if len(list) != 5 || list[0].SrcMAC != (packet.MAC{}) || list[0].TTL != 255 {
			t.Errorf("family %d: received %d of 5 from the socket", family, len(list))
		}
	}
	if n := b.Counters()["pass_foreign"]; n != 10 {
		t.Errorf("pass_foreign is %d, want 10", n)
	}
	must(t, tables.SetPeer(bpf.Peer{
		Ifindex: int32(r.b.ifindex), Local: packet.AddrFrom(r.b.addr[v4]), Peer: packet.AddrFrom(r.a.addr[v4]),
	}))
	send(a.Port(0), r.a.template(v4), true, 1, 5)
	if list := receive(t, b.Port(0), 5); len(list) != 5 || list[0].SrcMAC != r.a.mac {
		t.Errorf("session added: received %d of 5 from the ring", len(list))
	}
}

// A batch with frames that the kernel refuses loses those and no other.
func TestRawRefusals(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	o := Options{Transport: TransportUDP}
	a, b := r.a.open(t, o), r.b.open(t, o)
	good := r.a.template(v4)
	p := a.Port(0)
	bad := func(change func(frame []byte) int) {
		buf := p.Alloc(false)
		good.Put(buf, 0)
		p.Commit(change(buf), good.L3())
	}
	for range 3 {
		p.Commit(good.Put(p.Alloc(false), 0), good.L3())
		bad(func(f []byte) int { f[good.L3()] = 0x4f; return good.Len() }) // header longer than the packet
		bad(func(f []byte) int { f[good.L3()] = 0x50; return good.Len() }) // neither IPv4 nor IPv6
		bad(func([]byte) int { return good.L3() + 10 })                    // cut short
	}
	p.Commit(good.Put(p.Alloc(false), 0), good.L3())
	if failed := p.Flush(); failed != 9 {
		t.Errorf("%d frames failed, want 9", failed)
	}
	if n := len(receive(t, b.Port(0), 4)); n != 4 {
		t.Errorf("received %d of 4", n)
	}
	if n := a.Counters()["raw_tx_failed"]; n != 9 {
		t.Errorf("raw_tx_failed is %d, want 9", n)
	}
}

package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// echo is an Echo packet of this end: addressed to itself by way of the other,
// or, as FRR does it, to the other. Its payload is a Control packet, which has
// our discriminator where Echo has.
func (e *end) echo(family int, toPeer bool) *packet.Template {
	path := packet.Path{
		SrcMAC: e.mac, DstMAC: e.neighbor.mac,
		Src: packet.AddrFrom(addrs("198.51.100.1", "2001:db8:1::1")[family]), Dst: packet.AddrFrom(e.addr[family]),
		SrcPort: 49152, DstPort: packet.PortEcho,
	}
	if toPeer {
		path.Src, path.Dst = path.Dst, packet.AddrFrom(e.neighbor.addr[family])
		path.SrcPort = packet.PortEcho
	}
	t := new(packet.Template)
	t.Render(&path, &packet.Control{State: packet.Up, DetectMult: 3, MyDiscr: 0x01020304}, nil)
	return t
}

// loops lets the other end have its Echo packets looped here.
func (e *end) loops(t *testing.T) {
	t.Helper()
	for family, a := range e.addr {
		must(t, e.tables.SetPeer(bpf.Peer{
			Ifindex: int32(e.ifindex), Local: packet.AddrFrom(a), Peer: packet.AddrFrom(e.neighbor.addr[family]), Loop: true,
		}))
	}
}

// Echo packets that the XDP program of one end sends back by XDP_TX arrive
// where the other has a native program: all of them, in order, nothing but TTL
// and addresses changed. While looping is not allowed none does.
func TestEchoLoopedByXDP(t *testing.T) {
	const n = 300
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{LoopTX: true})
	must(t, r.a.tables.AddDiscr(0x01020304, bpf.NoLane))
	for family := range 2 {
		for _, toPeer := range []bool{false, true} {
			send(a.Port(0), r.a.echo(family, toPeer), true, 1, 10)
		}
	}
	r.b.loops(t)
	for family := range 2 {
		for _, toPeer := range []bool{false, true} {
			tmpl := r.a.echo(family, toPeer)
			var list []got
			for sent := 0; sent < n; sent += 50 {
				send(a.Port(0), tmpl, true, 1+sent, 50)
				list = append(list, receive(t, a.Port(0), 50)...)
			}
			r.a.wantEchoes(t, list, tmpl, family, toPeer, n)
		}
	}
	if got := b.Counters(); got["echo_looped"] != 4*n || got["pass_foreign"] != 40 || got["steered"] != 0 {
		t.Errorf("counters %v, want %d looped and 40 passed", got, 4*n)
	}
	clean(t, a)
	rows.Covers(t, "5881-4-14")
}

// wantEchoes checks n echoes that have come back, numbered from 1.
func (e *end) wantEchoes(t *testing.T, list []got, tmpl *packet.Template, family int, toPeer bool, n int) {
	t.Helper()
	if len(list) != n {
		t.Fatalf("family %d, to peer %v: %d of %d came back", family, toPeer, len(list), n)
	}
	sent := make([]byte, packet.MaxFrame)
	sent = sent[:tmpl.Put(sent, 0)]
	var out packet.Datagram
	packet.ParseEthernet(sent, &out)
	want := out
	want.SrcMAC, want.DstMAC, want.TTL, want.Payload = out.DstMAC, out.SrcMAC, 254, nil
	if toPeer {
		want.Src, want.Dst, want.SrcPort, want.DstPort = out.Dst, out.Src, out.DstPort, out.SrcPort
	}
	for i, g := range list {
		number(sent, tmpl, uint32(1+i))
		if !bytes.Equal(g.Payload, sent[tmpl.BFD():]) {
			t.Fatalf("family %d, to peer %v: echo %d has payload %x", family, toPeer, 1+i, g.Payload)
		}
		g.Payload = nil
		if diff := cmp.Diff(want, g.Datagram); diff != "" {
			t.Fatalf("family %d, to peer %v: echo %d (-want +got):\n%s", family, toPeer, 1+i, diff)
		}
	}
}

// The ring delivers the peer's Echo whole, so that it can be sent back, and by
// the ring it arrives at a host that has no XDP program at all.
func TestEchoLoopedByRing(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	b := r.b.open(t, Options{})
	r.b.loops(t)
	fd := r.a.packetSocket(t)
	p := b.Port(0)
	for family := range 2 {
		for _, toPeer := range []bool{false, true} {
			tmpl := r.a.echo(family, toPeer)
			sent := make([]byte, packet.MaxFrame)
			sent = sent[:tmpl.Put(sent, 0)]
			_, err := unix.Write(fd, sent)
			must(t, err)
			list := receive(t, p, 1)
			if len(list) != 1 {
				t.Fatalf("family %d, to peer %v: the echo did not arrive", family, toPeer)
			}
			if diff := cmp.Diff(sent, list[0].frame); diff != "" {
				t.Errorf("family %d, to peer %v (-sent +received):\n%s", family, toPeer, diff)
			}
			buf := p.Alloc(true)
			p.Commit(copy(buf, turned(list[0].frame)), tmpl.L3())
			if failed := p.Flush(); failed != 0 {
				t.Errorf("family %d, to peer %v: not sent", family, toPeer)
			}
			back := readFrame(t, fd, r.a.mac)
			if diff := cmp.Diff(turned(sent), back); diff != "" {
				t.Errorf("family %d, to peer %v (-looped +arrived):\n%s", family, toPeer, diff)
			}
		}
	}
	if c := b.Counters(); c["echo_looped"] != 0 || c["steered"] != 4 {
		t.Errorf("counters %v", c)
	}
}

// turned is a frame on its way back: MACs swapped, one hop later.
func turned(frame []byte) []byte {
	f := bytes.Clone(frame)
	copy(f, frame[6:12])
	copy(f[6:], frame[:6])
	if f[14]>>4 == 6 {
		f[21]--
		return f
	}
	f[22]--
	sum := uint32(binary.BigEndian.Uint16(f[24:])) + 0x100
	binary.BigEndian.PutUint16(f[24:], uint16(sum+sum>>16))
	return f
}

// packetSocket sees and sends frames on the end's interface.
func (e *end) packetSocket(t testing.TB) (fd int) {
	t.Helper()
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	must(t, e.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: e.ifindex})
	}))
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}))
	return fd
}

// readFrame returns the next frame with a TTL of 254 to a MAC.
func readFrame(t *testing.T, fd int, to packet.MAC) []byte {
	t.Helper()
	buf := make([]byte, 2048)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		n, err := unix.Read(fd, buf)
		if err != nil {
			break
		}
		var d packet.Datagram
		if packet.ParseEthernet(buf[:n], &d); d.DstMAC == to && d.TTL == 254 {
			return buf[:n]
		}
	}
	return nil
}

// What a batch held before says nothing of what it holds now.
func TestRxFrame(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	tmpl := r.a.template(v4)
	stranger := new(packet.Template)
	stranger.Render(&packet.Path{
		SrcMAC: r.a.mac, DstMAC: r.b.mac, SrcPort: 49152, DstPort: packet.PortControl,
		Src: packet.AddrFrom(addrs("192.0.2.77", "::1")[v4]), Dst: packet.AddrFrom(r.b.addr[v4]),
	}, &packet.Control{State: packet.Down, DetectMult: 3, MyDiscr: 5, DesiredMinTx: 1e6, RequiredMinRx: 1e6}, nil)
	batch := make([]engine.Rx, 1)
	for i, tmpl := range []*packet.Template{tmpl, stranger, tmpl, stranger} {
		send(a.Port(0), tmpl, true, 1, 1)
		for end := time.Now().Add(2 * time.Second); b.Port(0).Receive(batch) == 0; {
			if time.Now().After(end) {
				t.Fatalf("datagram %d did not arrive", i)
			}
		}
		frame := batch[0].Frame
		if i%2 == 1 && frame != nil {
			t.Errorf("datagram %d, from the socket, has a frame", i)
		}
		if i%2 == 0 && (len(frame) != tmpl.Len() || &frame[tmpl.BFD()] != &batch[0].Payload[0]) {
			t.Errorf("datagram %d, from the ring, has a frame of %d bytes", i, len(frame))
		}
	}
}

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// sighting is a BFD packet that passed an interface.
type sighting struct {
	at             time.Duration // by the kernel's clock of that moment
	out            bool          // sent by the host of the tap
	src, dst       netip.Addr
	srcPort        uint16
	dstPort        uint16
	ttl            uint8
	mac            packet.MAC // of the sender
	to             packet.MAC // of the receiver
	payload        []byte
	drop           packet.Drop // what is wrong with it
	packet.Control             // of an Echo packet it may be anything
}

func (s sighting) String() string {
	return fmt.Sprintf("%v out=%v %s:%d -> %s:%d ttl %d %v %+v", s.at, s.out, s.src, s.srcPort, s.dst, s.dstPort, s.ttl, s.drop, s.Control)
}

// tap sees every BFD packet that passes an interface, in both directions. It
// has to be at the far end of the link: what xbfd takes by AF_XDP no packet
// socket of its own host sees.
type tap struct {
	file      *os.File
	ports     []uint16
	mu        sync.Mutex
	seen      []sighting
	redirects int // ICMP and ICMPv6 Redirects
}

// newTap taps a host's interface for packets to some ports; with none named, to
// that of Control packets over a single hop.
func newTap(t testing.TB, h *host, ports ...uint16) *tap {
	t.Helper()
	if len(ports) == 0 {
		ports = []uint16{packet.PortControl}
	}
	p := &tap{ports: ports}
	must(t, h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		p.file = os.NewFile(uintptr(fd), "tap")
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: h.Ifindex(t, h.ifname)})
	}))
	raw, err := p.file.SyscallConn()
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = raw.Read(p.read) // ends when the file is closed
	}()
	t.Cleanup(func() {
		_ = p.file.Close()
		<-done
		if t.Failed() {
			t.Log(p)
		}
	})
	return p
}

// read takes what waits in the socket and asks to be called again for more.
func (p *tap) read(fd uintptr) bool {
	frame, control := make([]byte, 2048), make([]byte, 256)
	for {
		n, cn, _, from, err := unix.Recvmsg(int(fd), frame, control, 0)
		if err == unix.EAGAIN {
			return false
		}
		if err != nil {
			return true
		}
		var d packet.Datagram
		var s sighting
		packet.ParseEthernet(frame[:n], &d)
		if redirect(frame[:n]) {
			p.mu.Lock()
			p.redirects++
			p.mu.Unlock()
		}
		if !slices.Contains(p.ports, d.DstPort) {
			continue
		}
		if s.drop = d.Drop; s.drop == packet.DropNone {
			s.drop = s.Decode(d.Payload)
		}
		s.at, s.src, s.dst, s.srcPort, s.dstPort, s.ttl = stamp(control[:cn]), d.Src.Netip(), d.Dst.Netip(), d.SrcPort, d.DstPort, d.TTL
		s.mac, s.to, s.payload = d.SrcMAC, d.DstMAC, bytes.Clone(d.Payload)
		s.out = from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING
		p.mu.Lock()
		p.seen = append(p.seen, s)
		p.mu.Unlock()
	}
}

// redirect reports whether a frame tells its receiver of a shorter way.
func redirect(f []byte) bool {
	const l3, l4, l4v6 = 14, 34, 54
	switch {
	case len(f) > l4 && binary.BigEndian.Uint16(f[l3-2:]) == unix.ETH_P_IP:
		return f[l3+9] == unix.IPPROTO_ICMP && f[l4] == 5
	case len(f) > l4v6 && binary.BigEndian.Uint16(f[l3-2:]) == unix.ETH_P_IPV6:
		return f[l3+6] == unix.IPPROTO_ICMPV6 && f[l4v6] == 137
	}
	return false
}

// redirected returns how many Redirects passed.
func (p *tap) redirected() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.redirects
}

// stamp returns the time that the kernel noted.
func stamp(control []byte) time.Duration {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range list {
		if m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Duration(binary.NativeEndian.Uint64(m.Data))*time.Second +
				time.Duration(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return 0
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// all returns the packets seen since mark.
func (p *tap) all(mark int) []sighting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sighting(nil), p.seen[mark:]...)
}

// mark returns a place in time for all and wait.
func (p *tap) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// wait returns the first packet since mark that is wanted.
func (p *tap) wait(t testing.TB, mark int, what string, wanted func(sighting) bool) (s sighting) {
	t.Helper()
	eventually(t, patience, what, func() (ok bool) {
		s, ok = first(p.all(mark), wanted)
		return ok
	})
	return s
}

func first(list []sighting, wanted func(sighting) bool) (sighting, bool) {
	for _, s := range list {
		if wanted(s) {
			return s, true
		}
	}
	return sighting{}, false
}

func last(list []sighting, wanted func(sighting) bool) (s sighting, ok bool) {
	for _, c := range list {
		if wanted(c) {
			s, ok = c, true
		}
	}
	return s, ok
}

// String shows the latest packets.
func (p *tap) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("the tap saw %d packets, the latest:\n", len(p.seen))
	for _, s := range p.seen[max(0, len(p.seen)-40):] {
		text += s.String() + "\n"
	}
	return text
}

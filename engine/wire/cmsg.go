package wire

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// ancillary is what the kernel tells beside a datagram.
type ancillary struct {
	dst  packet.Addr // destination address of the IP header; zero when not told
	ttl  uint8       // TTL or Hop Limit; 0 when not told
	via  int32       // index of the interface of arrival; 0 when not told
	wall int64       // wall clock at arrival, ns since 1970; 0 when not told
}

// parse reads the control messages of one datagram (cmsg(3)): each a length
// that counts its own header, a level and a type of 4 bytes, and the data, all
// padded to the size of a machine word. It takes what it knows from messages
// that are whole and ignores the rest.
func (a *ancillary) parse(b []byte) {
	*a = ancillary{}
	for len(b) >= unix.SizeofCmsghdr {
		n := cmsgLen(b)
		if n < unix.SizeofCmsghdr || n > uint64(len(b)) {
			return
		}
		const word = unix.SizeofPtr
		level := binary.NativeEndian.Uint32(b[word:])
		kind := binary.NativeEndian.Uint32(b[word+4:])
		a.message(level, kind, b[unix.SizeofCmsghdr:n])
		next := (n + word - 1) &^ (word - 1)
		if next > uint64(len(b)) {
			return
		}
		b = b[next:]
	}
}

func cmsgLen(b []byte) uint64 {
	if unix.SizeofPtr == 4 {
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

func (a *ancillary) message(level, kind uint32, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(data) >= 4,
		level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(data) >= 4:
		a.ttl = uint8(binary.NativeEndian.Uint32(data))
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		a.via = int32(binary.NativeEndian.Uint32(data)) // ipi_ifindex
		a.dst = mapped4(data[8:12])                     // ipi_addr, behind ipi_spec_dst
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		copy(a.dst[:], data[:16])
		a.via = int32(binary.NativeEndian.Uint32(data[16:]))
	case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPNS:
		a.wall = timespec(data)
	}
}

func timespec(data []byte) int64 {
	switch len(data) {
	case 16:
		sec, nsec := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
		return int64(sec)*int64(time.Second) + int64(nsec)
	case 8: // 32-bit machines
		sec, nsec := int32(binary.NativeEndian.Uint32(data)), int32(binary.NativeEndian.Uint32(data[4:]))
		return int64(sec)*int64(time.Second) + int64(nsec)
	}
	return 0
}

// mapped4 returns the 4 bytes of an IPv4 address as an Addr.
func mapped4(b []byte) (a packet.Addr) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b)
	return a
}

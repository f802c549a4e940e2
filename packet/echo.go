package packet

import (
	"encoding/binary"

	"github.com/dchest/siphash"
)

// EchoLen is the length in bytes of the payload of an Echo packet.
const EchoLen = 32

// echoTag begins the payload. As the first byte of a Control packet it would be
// of version 7, so nobody takes the one for the other.
const echoTag = 0xec01

// EchoKey seals Echo payloads. Whoever does not know it cannot make one.
type EchoKey struct{ A, B uint64 }

// Echo is the payload of an Echo packet. What it holds is its sender's business
// alone (RFC 5880 §5); the discriminator lies where a Control packet has My
// Discriminator, and the whole is sealed (SipHash-2-4):
//
//	0       2       4               8              12
//	+-------+-------+---------------+---------------+
//	|  tag  | zero  | discriminator |   sequence    |
//	+-------+-------+---------------+---------------+
//	| zero  |      time sent (ns)   |      seal     |
//	+-------+-----------------------+---------------+
//	12     16                      24              32
type Echo struct {
	Discr uint32
	Seq   uint32
	Sent  int64 // ns of the sender's own clock
}

// Put writes the payload to the first EchoLen bytes of b.
func (e *Echo) Put(b []byte, k *EchoKey) {
	b = b[:EchoLen]
	binary.BigEndian.PutUint32(b[0:], echoTag<<16)
	binary.BigEndian.PutUint32(b[4:], e.Discr)
	binary.BigEndian.PutUint64(b[8:], uint64(e.Seq)<<32)
	binary.BigEndian.PutUint64(b[16:], uint64(e.Sent))
	binary.BigEndian.PutUint64(b[24:], k.seal(b))
}

// seal of the payload in front of it. The comparison of 8 bytes as one number
// takes the same time wherever they differ.
func (k *EchoKey) seal(b []byte) uint64 { return siphash.Hash(k.A, k.B, b[:24]) }

// IsEcho reports whether a UDP payload claims to be an Echo payload of ours.
func IsEcho(b []byte) bool { return len(b) >= 2 && binary.BigEndian.Uint16(b) == echoTag }

// Decode fills e from a payload. False means that it was not made with this key.
func (e *Echo) Decode(b []byte, k *EchoKey) bool {
	if len(b) != EchoLen || !IsEcho(b) || binary.BigEndian.Uint64(b[24:]) != k.seal(b) {
		return false
	}
	e.Discr = binary.BigEndian.Uint32(b[4:])
	e.Seq = binary.BigEndian.Uint32(b[8:])
	e.Sent = int64(binary.BigEndian.Uint64(b[16:]))
	return true
}

// RenderEcho builds the frame of Echo packets along p, with a payload of zeros.
// Addresses of two families leave t empty.
func (t *Template) RenderEcho(p *Path) {
	*t = Template{}
	t.wrap(p, EchoLen)
}

// PutEcho copies the frame to the front of dst with e for its payload and
// returns the frame's length; 0 as Put does.
func (t *Template) PutEcho(dst []byte, e *Echo, k *EchoKey) int {
	n := int(t.n)
	if n == 0 || len(dst) < n {
		return 0
	}
	copy(dst, t.frame[:n])
	bfd := int(t.bfd)
	e.Put(dst[bfd:n], k)
	field := dst[bfd-2 : bfd]
	was := binary.BigEndian.Uint16(field)
	binary.BigEndian.PutUint16(field, sendChecksum(sum(uint64(^was), dst[bfd:n])))
	return n
}

// LoopEcho writes to dst the frame that sends a received Echo packet back: the
// MACs change places and TTL or Hop Limit is one less, as when a router forwards
// it (RFC 5881 §4). turn is for packets that are addressed to this host and not
// to their own sender, as FRR's are for IPv6: addresses and ports change places,
// too. It returns the length, or 0 for what is no such frame or longer than dst.
func LoopEcho(dst, frame []byte, turn bool) int {
	var d Datagram
	if ParseEthernet(frame, &d); d.Drop != DropNone || d.TTL == 0 || len(frame) > len(dst) {
		return 0
	}
	dst = dst[:copy(dst, frame)]
	copy(dst[0:6], d.SrcMAC[:])
	copy(dst[6:12], d.DstMAC[:])
	l3 := ethernetLen
	if binary.BigEndian.Uint16(dst[12:]) == etherTypeVLAN {
		l3 += vlanLen
	}
	var l4, addrs, alen int
	if d.Dst.Is4() {
		l4, addrs, alen = l3+ipv4Len, l3+12, 4
		dst[l3+8]--
		// RFC 1624 equation 3: TTL is the upper half of its word.
		check := dst[l3+10 : l3+12]
		was := binary.BigEndian.Uint16(check)
		binary.BigEndian.PutUint16(check, ^fold(uint64(^was)+0xfeff))
	} else {
		l4, addrs, alen = l3+ipv6Len, l3+8, 16
		dst[l3+7]--
	}
	if turn {
		exchange(dst[addrs:addrs+alen], dst[addrs+alen:addrs+2*alen])
		exchange(dst[l4:l4+2], dst[l4+2:l4+4])
	}
	complete(dst[l4:l4+udpLen+len(d.Payload)], sum(0, dst[addrs:addrs+2*alen]))
	return len(dst)
}

// complete writes the UDP checksum where the sender left it to a device.
func complete(b []byte, addrs uint64) {
	pseudo := addrs + protocolUDP + uint64(len(b))
	if check := binary.BigEndian.Uint16(b[6:]); check != 0 && fold(pseudo) == check {
		binary.BigEndian.PutUint16(b[6:], 0)
		binary.BigEndian.PutUint16(b[6:], sendChecksum(sum(pseudo, b)))
	}
}

// exchange swaps the contents of two slices of one length.
func exchange(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

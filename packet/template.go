package packet

import "encoding/binary"

// MaxFrame is the size in bytes that a buffer for a frame must have to hold
// whatever this package makes.
const MaxFrame = 192

// maxTemplate is the longest frame of all: tagged, IPv6, authenticated by SHA1.
const maxTemplate = ethernetLen + vlanLen + ipv6Len + udpLen + ControlLen + maxAuthLen

// maxTTL is the TTL and Hop Limit that every Control packet starts with
// (RFC 5881 §5).
const maxTTL = 255

// Path is what stands around the BFD packet in every frame of a session.
// Src and Dst are of one family.
type Path struct {
	SrcMAC, DstMAC   MAC    // both zero when the kernel is to fill them in
	VLAN             uint16 // 802.1Q VLAN id; 0 sends without a tag
	PCP              uint8  // 802.1Q priority, 0-7; unused without a tag
	Src, Dst         Addr
	SrcPort, DstPort uint16
	TTL              uint8 // TTL or Hop Limit; 0 means 255
	DSCP             uint8 // 0-63
}

func (p *Path) hopLimit() uint8 {
	if p.TTL == 0 {
		return maxTTL
	}
	return p.TTL
}

// templateRoom brings a Template to 128 bytes, two cache lines.
const templateRoom = 125

const _ = uint(templateRoom - maxTemplate) // it must hold the longest frame

// Template is a ready frame of one session: everything but the P and F bits.
// Render makes it, at a change of content; Put copies it, at every send. It
// holds no pointers and fills two cache lines. The zero Template is empty.
type Template struct {
	frame      [templateRoom]byte
	n, l3, bfd uint8 // length, offset of the IP header, offset of the BFD packet
}

// Len returns the length in bytes of the frame, 0 while t is empty.
func (t *Template) Len() int { return int(t.n) }

// L3 returns the offset in bytes of the IP header in the frame.
func (t *Template) L3() int { return int(t.l3) }

// BFD returns the offset in bytes of the BFD packet, which is the rest of the
// frame; the UDP header is the 8 bytes before it, the authentication section
// starts ControlLen bytes behind it.
func (t *Template) BFD() int { return int(t.bfd) }

// Render builds the frame that carries c along p, followed by the section auth
// unless that is nil. P, F and M are sent as 0 whatever c says; A and Length
// follow from auth. Addresses of two families leave t empty, and so does an
// auth that is no section (its Len is 0): what ought to be authenticated is
// never sent without.
func (t *Template) Render(p *Path, c *Control, auth *Auth) {
	*t = Template{}
	length := ControlLen
	if auth != nil {
		if auth.Len() == 0 {
			return
		}
		length += auth.Len()
	}
	bfd := t.wrap(p, length)
	if bfd == nil {
		return
	}
	packet := *c
	packet.Poll, packet.Final, packet.Multipoint = false, false, false
	packet.Auth, packet.Length = auth != nil, uint8(length)
	packet.Put(bfd)
	if auth != nil {
		auth.Put(bfd[ControlLen:])
	}
	field := t.frame[t.bfd-2 : t.bfd]
	was := binary.BigEndian.Uint16(field)
	binary.BigEndian.PutUint16(field, sendChecksum(sum(uint64(^was), bfd)))
}

// wrap writes the headers of a frame along p around a payload of length zeros,
// and returns the place of the payload; nil for addresses of two families.
func (t *Template) wrap(p *Path, length int) []byte {
	v4 := p.Src.Is4()
	if v4 != p.Dst.Is4() {
		return nil
	}
	l3 := putEthernet(t.frame[:], p, v4)
	l4 := l3 + ipv6Len
	if v4 {
		l4 = l3 + ipv4Len
	}
	bfd := l4 + udpLen
	t.l3, t.bfd, t.n = uint8(l3), uint8(bfd), uint8(bfd+length)
	var addrs uint64
	if v4 {
		addrs = putIPv4(t.frame[l3:], p, udpLen+length)
	} else {
		addrs = putIPv6(t.frame[l3:], p, udpLen+length)
	}
	putUDP(t.frame[l4:t.n], p, addrs)
	return t.frame[bfd:t.n]
}

// Put copies the frame to the front of dst, sets those of BitPoll and BitFinal
// that bits has, and returns the frame's length. It touches no byte behind the
// frame. An empty template, or a dst shorter than Len, gives 0 and writes
// nothing.
func (t *Template) Put(dst []byte, bits uint8) int {
	n := int(t.n)
	if n == 0 || len(dst) < n {
		return 0
	}
	copy(dst, t.frame[:n])
	if bits &= BitPoll | BitFinal; bits != 0 {
		bfd := int(t.bfd)
		dst[bfd+1] |= bits
		// RFC 1624 equation 3; a word whose bits were 0 grows by just them.
		field := dst[bfd-2 : bfd]
		was := binary.BigEndian.Uint16(field)
		binary.BigEndian.PutUint16(field, sendChecksum(uint64(^was)+uint64(bits)))
	}
	return n
}

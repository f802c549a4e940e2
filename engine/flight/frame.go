package flight

import "github.com/xbfd/xbfd/packet"

// room is what is kept of a frame: the longest that a session makes, tagged,
// over IPv6 and with a SHA1 digest. Padding behind the packet is cut off.
const room = 118

// Frame is one frame that was received or sent, or is put together from what is
// known of it. Times are nanoseconds of the engine's clock.
type Frame struct {
	At   int64
	Sent bool        // by us; otherwise received
	Drop packet.Drop // why it was discarded

	Repeats uint64 // frames since that say the same
	Last    int64  // when the last of them arrived or was sent
	Heard   uint64 // how many of them the XDP program took in alone; of a rebuilt one, it and those before it

	Len     int  // of the whole frame, in bytes; Data has less of a longer one
	NoLink  bool // the Ethernet header is not known: a socket delivered or took it
	Rebuilt bool // never recorded as a whole: from the image or the template that stands for it
	Masked  bool // a password in Data was made unreadable, and the UDP checksum fits that

	Data []byte
}

// kind is whose frames one is compared with.
type kind uint8

const (
	received kind = iota
	discarded
	sent
	kinds
)

// Seen is a received frame as a worker has it.
type Seen struct {
	*packet.Datagram
	Frame []byte // nil when a socket delivered it
	Drop  packet.Drop
	At    int64
}

// put copies a received frame into b, with headers that fit where there are
// none, and returns its length there, that of the whole, and where BFD begins.
func (s *Seen) put(b []byte) (n, whole, bfd int) {
	if s.Frame != nil {
		return copy(b, s.Frame), len(s.Frame), bfdAt(s.Frame)
	}
	n, bfd = packet.PutDatagram(b, s.Datagram)
	return n, bfd + len(s.Payload), bfd
}

// bfdAt returns where the payload of a frame begins that packet.ParseEthernet has
// found to hold UDP.
func bfdAt(frame []byte) int {
	const ethernet, tag, ipv4, ipv6, udp = 14, 4, 20, 40, 8
	at := ethernet
	if len(frame) > at && frame[12] == 0x81 && frame[13] == 0 {
		at += tag
	}
	if len(frame) > at && frame[at]>>4 == 4 {
		return at + ipv4 + udp
	}
	return at + ipv6 + udp
}

// copy gives f its bytes.
func (f *Frame) copy(frame []byte, bfd int, masked bool) {
	f.Data = append([]byte(nil), frame...)
	f.Masked = masked && mask(f.Data, bfd, len(frame) == f.Len)
}

// mask makes the password of a packet unreadable, whatever else is wrong with the
// packet, and reports whether there was one. whole says that frame is not cut, so
// that the checksum can be made to fit.
func mask(frame []byte, bfd int, whole bool) bool {
	const bits, authBit, section, password = 1, 0x04, packet.ControlLen, packet.ControlLen + 3
	if len(frame) <= bfd+password || frame[bfd+bits]&authBit == 0 || packet.AuthType(frame[bfd+section]) != packet.AuthSimple {
		return false
	}
	for i := bfd + password; i < len(frame); i++ {
		frame[i] = '*'
	}
	if whole {
		packet.FixChecksum(frame, bfd)
	}
	return true
}

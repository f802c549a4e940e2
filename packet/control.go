package packet

import "encoding/binary"

// Version is the only protocol version there is (RFC 5880 §4.1).
const Version = 1

// ControlLen is the length in bytes of a Control packet without authentication.
const ControlLen = 24

// UDP ports (RFC 5881 §4; the "3875" of its IANA section is a typo).
const (
	PortControl  = 3784 // single hop Control
	PortEcho     = 3785 // Echo
	PortMultihop = 4784 // multihop Control (RFC 5883 §5)
)

// Bits of the second byte of a Control packet (RFC 5880 §4.1), as written into
// frames by Template.Put.
const (
	BitPoll       = 0x20
	BitFinal      = 0x10
	bitCPI        = 0x08
	bitAuth       = 0x04
	bitDemand     = 0x02
	bitMultipoint = 0x01
)

// Control is the mandatory section of a BFD Control packet (RFC 5880 §4.1):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
//	|                       My Discriminator                        |
//	|                      Your Discriminator                       |
//	|                    Desired Min TX Interval                    |
//	|                   Required Min RX Interval                    |
//	|                 Required Min Echo RX Interval                 |
//
// Intervals are microseconds.
type Control struct {
	State      State
	Diag       Diag
	Poll       bool // P
	Final      bool // F
	CPI        bool // C: control plane independent
	Auth       bool // A: an authentication section follows
	Demand     bool // D
	Multipoint bool // M: never set by anyone (§4.1)
	DetectMult uint8
	Length     uint8 // of the whole BFD packet, the authentication section included

	MyDiscr           uint32
	YourDiscr         uint32
	DesiredMinTx      uint32
	RequiredMinRx     uint32
	RequiredMinEchoRx uint32
}

// Decode fills c from a UDP payload and applies the checks of RFC 5880 §6.8.6
// that need no session, in the RFC's order. Bytes beyond Length are legal and
// ignored (RFC 9764 pads). On a Drop other than DropNone c holds no meaning.
func (c *Control) Decode(b []byte) Drop {
	if len(b) < ControlLen {
		return DropShort
	}
	b1 := b[1]
	if b[0]>>5 != Version {
		return DropBadVersion
	}
	length := b[3]
	if length < ControlLen || b1&bitAuth != 0 && length < ControlLen+2 {
		return DropBadLengthMin
	}
	if int(length) > len(b) {
		return DropBadLengthMax
	}
	if b[2] == 0 {
		return DropZeroMult
	}
	if b1&bitMultipoint != 0 {
		return DropMultipoint
	}
	my := binary.BigEndian.Uint32(b[4:])
	if my == 0 {
		return DropZeroMyDiscr
	}
	*c = Control{
		State:             State(b1 >> 6),
		Diag:              Diag(b[0] & 0x1f),
		Poll:              b1&BitPoll != 0,
		Final:             b1&BitFinal != 0,
		CPI:               b1&bitCPI != 0,
		Auth:              b1&bitAuth != 0,
		Demand:            b1&bitDemand != 0,
		DetectMult:        b[2],
		Length:            length,
		MyDiscr:           my,
		YourDiscr:         binary.BigEndian.Uint32(b[8:]),
		DesiredMinTx:      binary.BigEndian.Uint32(b[12:]),
		RequiredMinRx:     binary.BigEndian.Uint32(b[16:]),
		RequiredMinEchoRx: binary.BigEndian.Uint32(b[20:]),
	}
	return DropNone
}

// Put writes the 24 bytes of c to the front of b, which must have room for
// them. Length is written as it stands: the caller adds the authentication
// section's.
func (c *Control) Put(b []byte) {
	_ = b[ControlLen-1]
	b[0] = Version<<5 | byte(c.Diag)&0x1f
	b[1] = byte(c.State)<<6 | bit(c.Poll, BitPoll) | bit(c.Final, BitFinal) | bit(c.CPI, bitCPI) |
		bit(c.Auth, bitAuth) | bit(c.Demand, bitDemand) | bit(c.Multipoint, bitMultipoint)
	b[2] = c.DetectMult
	b[3] = c.Length
	binary.BigEndian.PutUint32(b[4:], c.MyDiscr)
	binary.BigEndian.PutUint32(b[8:], c.YourDiscr)
	binary.BigEndian.PutUint32(b[12:], c.DesiredMinTx)
	binary.BigEndian.PutUint32(b[16:], c.RequiredMinRx)
	binary.BigEndian.PutUint32(b[20:], c.RequiredMinEchoRx)
}

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}

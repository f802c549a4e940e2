package bench

import (
	"encoding/binary"
	"errors"
	"io"
)

// The little of BGP (RFC 4271) that a neighbour of an engine under test speaks: AS
// numbers of two bytes, IPv4, no hold time.

const (
	bgpOpen         = 1
	bgpUpdate       = 2
	bgpNotification = 3
	bgpKeepalive    = 4

	bgpHeader  = 19
	bgpMessage = 4096 // the longest
	bgpPort    = 179

	attrOrigin  = 1
	attrPath    = 2
	attrNextHop = 3
	attrLong    = 0x10 // flag: two bytes of length
	transitive  = 0x40
)

// message makes a message of a kind.
func message(kind byte, body []byte) []byte {
	b := make([]byte, 0, bgpHeader+len(body))
	for range 16 {
		b = append(b, 0xff)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(bgpHeader+len(body)))
	return append(append(b, kind), body...)
}

// readMessage reads the next message into buf, which is bgpMessage long.
func readMessage(r io.Reader, buf []byte) (kind byte, body []byte, err error) {
	if _, err := io.ReadFull(r, buf[:bgpHeader]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(buf[16:]))
	if n < bgpHeader || n > len(buf) {
		return 0, nil, errors.New("read BGP message: its length is impossible")
	}
	_, err = io.ReadFull(r, buf[bgpHeader:n])
	return buf[18], buf[bgpHeader:n], err
}

// openMessage begins a session without a hold time: only BFD is to notice anything.
func openMessage(as uint16, id [4]byte) []byte {
	body := binary.BigEndian.AppendUint16([]byte{4}, as)
	body = append(body, 0, 0)
	body = append(body, id[:]...)
	// ExaBGP announces nothing without the capability Multiprotocol (RFC 4760 §8): IPv4
	// unicast.
	return message(bgpOpen, append(body, 8, 2, 6, 1, 4, 0, 1, 0, 1))
}

// announcements are messages that announce the first prefixes by a path.
func announcements(count int, path []uint16, hop [4]byte) (b []byte) {
	attrs := []byte{transitive, attrOrigin, 1, 0, transitive, attrPath, byte(2 + 2*len(path)), 2, byte(len(path))}
	for _, as := range path {
		attrs = binary.BigEndian.AppendUint16(attrs, as)
	}
	attrs = append(attrs, transitive, attrNextHop, 4)
	attrs = append(attrs, hop[:]...)
	const atOnce = 800 // whose four bytes each fit into a message
	for from := 0; from < count; from += atOnce {
		body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attrs)))
		body = append(body, attrs...)
		for k := from; k < min(from+atOnce, count); k++ {
			net := prefix(k).Addr().As4()
			body = append(body, prefixBits)
			body = append(body, net[:prefixBits/8]...)
		}
		b = append(b, message(bgpUpdate, body)...)
	}
	return b
}

// update is what an UPDATE says, of our prefixes by their numbers.
type update struct {
	withdrawn, announced []int
	path                 []uint16
}

var errShort = errors.New("read BGP update: it ends early")

// parseUpdate reads an UPDATE.
func parseUpdate(b []byte) (u update, err error) {
	withdrawn, b, err := block(b)
	if err != nil {
		return u, err
	}
	attrs, b, err := block(b)
	if err != nil {
		return u, err
	}
	if u.path, err = parsePath(attrs); err != nil {
		return u, err
	}
	if u.withdrawn, err = parsePrefixes(withdrawn); err != nil {
		return u, err
	}
	u.announced, err = parsePrefixes(b)
	return u, err
}

// block is what follows two bytes of length.
func block(b []byte) (in, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errShort
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}

func parsePrefixes(b []byte) (list []int, err error) {
	for len(b) > 0 {
		n := 1 + (int(b[0])+7)/8
		if n > len(b) {
			return list, errShort
		}
		if b[0] == prefixBits && b[1] == everyPrefix.Addr().As4()[0] {
			list = append(list, prefixOf(b[1:]))
		}
		b = b[n:]
	}
	return list, nil
}

// parsePath finds the AS numbers that routes have come by.
func parsePath(b []byte) (path []uint16, err error) {
	for len(b) >= 3 {
		head, n := 3, int(b[2])
		if b[0]&attrLong != 0 {
			if len(b) < 4 {
				return nil, errShort
			}
			head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		if head+n > len(b) {
			return nil, errShort
		}
		if value := b[head : head+n]; b[1] == attrPath {
			for len(value) >= 2 && len(value) >= 2+2*int(value[1]) {
				segment := value[2 : 2+2*int(value[1])]
				for ; len(segment) > 0; segment = segment[2:] {
					path = append(path, binary.BigEndian.Uint16(segment))
				}
				value = value[2+2*int(value[1]):]
			}
		}
		b = b[head+n:]
	}
	return path, nil
}

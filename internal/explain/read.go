package explain

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Frame is an Ethernet frame to explain.
type Frame struct {
	Data      []byte
	Interface string // where it was captured; empty when that is not known
	Length    int    // on the wire, in bytes; more than Data has when it is cut
}

// Read returns the frames of a pcap or pcapng file, or the one that is written in
// hexadecimal digits.
func Read(input []byte) ([]Frame, error) {
	if len(input) >= 4 {
		magic := binary.LittleEndian.Uint32(input)
		switch magic {
		case 0xa1b2c3d4, 0xa1b23c4d:
			return readPcap(input, binary.LittleEndian)
		case 0xd4c3b2a1, 0x4d3cb2a1:
			return readPcap(input, binary.BigEndian)
		case sectionHeader:
			return readPcapng(input)
		}
	}
	data, err := parseHex(string(input))
	if err != nil {
		return nil, err
	}
	return []Frame{{Data: data, Length: len(data)}}, nil
}

// parseHex reads digits as people copy them: with spaces, colons, 0x in front, or
// the offsets that tcpdump -xx prints before each line.
func parseHex(text string) ([]byte, error) {
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if offset, rest, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(offset, "0x") && len(offset) > 4 {
			line = rest
		}
		line = strings.TrimPrefix(line, "0x")
		digits.WriteString(strings.NewReplacer(" ", "", ":", "", "-", "", "\t", "").Replace(line))
	}
	if digits.Len() == 0 {
		return nil, errors.New("there is no frame: give its bytes in hexadecimal from the Ethernet header on, or a pcap file")
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil {
		return nil, errors.New("this is neither a pcap file nor hexadecimal digits: give whole bytes, as in 0200…")
	}
	return data, nil
}

const linkEthernet = 1

var errCut = errors.New("the file ends in the middle of a packet")

func checkLink(link uint32) error {
	if link != linkEthernet {
		return fmt.Errorf("the file has frames of link type %d: capture with Ethernet headers, on one interface (not on any)", link)
	}
	return nil
}

// readPcap reads the classic format.
func readPcap(b []byte, order binary.ByteOrder) (frames []Frame, err error) {
	const head, record = 24, 16
	if len(b) < head {
		return nil, errCut
	}
	if err := checkLink(order.Uint32(b[20:]) & 0x0fffffff); err != nil {
		return nil, err
	}
	for b = b[head:]; len(b) > 0; {
		if len(b) < record {
			return frames, errCut
		}
		n, whole := order.Uint32(b[8:]), order.Uint32(b[12:])
		if b = b[record:]; uint64(n) > uint64(len(b)) {
			return frames, errCut
		}
		frames = append(frames, Frame{Data: b[:n:n], Length: int(max(n, whole&0x7fffffff))})
		b = b[n:]
	}
	return frames, nil
}

// Blocks of pcapng, and the option that names an interface.
const (
	sectionHeader  = 0x0a0d0d0a
	interfaceBlock = 1
	simplePacket   = 3
	enhancedPacket = 6
	interfaceName  = 2
)

// section is what the blocks of one section are read by.
type section struct {
	order binary.ByteOrder
	links []uint32
	names []string
}

func readPcapng(b []byte) (frames []Frame, err error) {
	var s section
	for len(b) > 0 {
		if len(b) < 12 {
			return frames, errCut
		}
		if binary.LittleEndian.Uint32(b) == sectionHeader {
			s = section{order: binary.LittleEndian}
			if binary.BigEndian.Uint32(b[8:]) == 0x1a2b3c4d {
				s.order = binary.BigEndian
			}
		}
		n := s.order.Uint32(b[4:])
		if n < 12 || n%4 != 0 || uint64(n) > uint64(len(b)) {
			return frames, errCut
		}
		f, found, err := s.block(s.order.Uint32(b), b[8:n-4])
		if err != nil {
			return frames, err
		}
		if found {
			frames = append(frames, f)
		}
		b = b[n:]
	}
	return frames, nil
}

// block reads the body of one block.
func (s *section) block(kind uint32, body []byte) (f Frame, found bool, err error) {
	switch {
	case kind == interfaceBlock && len(body) >= 8:
		s.links = append(s.links, uint32(s.order.Uint16(body)))
		s.names = append(s.names, s.option(body[8:], interfaceName))
		return f, false, nil
	case kind == simplePacket && len(body) >= 4:
		whole := s.order.Uint32(body)
		return s.frame(0, body[4:], min(whole, uint32(len(body)-4)), whole)
	case kind == enhancedPacket && len(body) >= 20:
		return s.frame(s.order.Uint32(body), body[20:], s.order.Uint32(body[12:]), s.order.Uint32(body[16:]))
	}
	return f, false, nil
}

func (s *section) frame(iface uint32, data []byte, n, whole uint32) (f Frame, found bool, err error) {
	if uint64(iface) >= uint64(len(s.links)) || uint64(n) > uint64(len(data)) {
		return f, false, errCut
	}
	if err := checkLink(s.links[iface]); err != nil {
		return f, false, err
	}
	return Frame{Data: data[:n:n], Interface: s.names[iface], Length: int(max(n, whole&0x7fffffff))}, true, nil
}

// option returns the text of an option, empty when it is not there.
func (s *section) option(b []byte, code uint16) string {
	for len(b) >= 4 {
		c, n := s.order.Uint16(b), int(s.order.Uint16(b[2:]))
		if b = b[4:]; c == 0 || n > len(b) {
			break
		}
		if c == code {
			return string(b[:n])
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return ""
}

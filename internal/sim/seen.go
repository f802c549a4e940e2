package sim

import (
	"encoding/binary"
	"slices"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// seen is a frame as it passed between a port and a worker.
type seen struct {
	ifindex int32
	arrival session.Time
	dgram   packet.Datagram
	control packet.Control
	drop    packet.Drop // what is wrong with it on the face of it
	form    packet.Drop // Echo port: what is wrong with it as a Control packet
	bfd     []byte      // the UDP payload, if there is more to it than control
	raw     []byte      // the whole frame, where it may be needed
	from    int         // thread that took it
}

func look(ifindex int32, f *frame) seen {
	s := seen{ifindex: ifindex, arrival: f.arrival, dgram: f.dgram, drop: f.dgram.Drop}
	s.dgram.Payload = nil // the frame's buffer will be used again
	switch {
	case s.drop != packet.DropNone:
	case s.dgram.DstPort == packet.PortEcho:
		s.raw, s.bfd = slices.Clone(f.bytes()), slices.Clone(f.dgram.Payload)
		s.form = s.control.Decode(s.bfd)
	default:
		s.drop = s.control.Decode(f.dgram.Payload)
		if s.control.Auth {
			s.bfd = slices.Clone(f.dgram.Payload)
		}
	}
	return s
}

// isEcho tells whether it is a frame of the Echo port.
func (p *seen) isEcho() bool { return p.drop == packet.DropNone && p.dgram.DstPort == packet.PortEcho }

// echoOf is the discriminator that says whose Echo this is (RFC 5880 §5): it
// lies where Control packets have My Discriminator. 0: none is there.
func (p *seen) echoOf() uint32 {
	if len(p.bfd) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(p.bfd[4:])
}

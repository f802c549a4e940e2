package bfddp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
)

// VersionError is a message of another version of the protocol. Where it ends is
// not to be trusted, so nothing more can be read.
type VersionError uint8

// Error says which version it is and which would do.
func (e VersionError) Error() string {
	return fmt.Sprintf("message of protocol version %d: only version %d is spoken here", uint8(e), Version)
}

// TypeError is a message of a type that version 1 does not have.
type TypeError Type

// Error names the type.
func (e TypeError) Error() string {
	return fmt.Sprintf("message of unknown type %d", uint16(e))
}

// Decode returns the message that b is: its header says as many bytes as there
// are. The error is a VersionError, a TypeError, or says what is wrong.
func Decode(b []byte) (Message, error) {
	var m Message
	if len(b) < headerSize {
		return m, fmt.Errorf("message of %d bytes: a header alone has %d", len(b), headerSize)
	}
	if b[0] != Version {
		return m, VersionError(b[0])
	}
	m.Type, m.ID = Type(be.Uint16(b[2:])), be.Uint16(b[4:])
	if length := int(be.Uint16(b[6:])); length != len(b) {
		return m, fmt.Errorf("message says that it has %d bytes, and has %d", length, len(b))
	}
	if int(m.Type) >= len(sizes) {
		return m, TypeError(m.Type)
	}
	body := b[headerSize:]
	if len(body) != sizes[m.Type] {
		return m, fmt.Errorf("message of type %d has %d bytes, not %d", m.Type, len(b), headerSize+sizes[m.Type])
	}
	return m, m.decode(body)
}

// decode reads the body, which has the size of its type.
func (m *Message) decode(b []byte) error {
	switch m.Type {
	case AddSession, DeleteSession:
		return m.Session.decode(b)
	case StateChange:
		m.State = State{
			LID: be.Uint32(b), RID: be.Uint32(b[4:]), Flags: RemoteFlags(be.Uint32(b[8:])),
			DesiredTx: be.Uint32(b[12:]), RequiredRx: be.Uint32(b[16:]), RequiredEchoRx: be.Uint32(b[20:]),
			State: b[24], Diag: b[25], DetectMult: b[26],
		}
		if m.State.State > 3 {
			return fmt.Errorf("state %d: there are 0 to 3", m.State.State)
		}
	case RequestCounters:
		m.LID = be.Uint32(b)
	case SessionCounters:
		m.Counters.LID = be.Uint32(b)
		m.Counters.Control.decode(b[8:])
		m.Counters.Echo.decode(b[40:])
	default:
		m.Times = Times{DataPlane: be.Uint64(b), BFDD: be.Uint64(b[8:])}
	}
	return nil
}

func (s *Session) decode(b []byte) error {
	*s = Session{
		Flags: Flags(be.Uint32(b)), LID: be.Uint32(b[36:]), MinTx: be.Uint32(b[40:]), MinRx: be.Uint32(b[44:]),
		MinEchoTx: be.Uint32(b[48:]), MinEchoRx: be.Uint32(b[52:]), Hold: be.Uint32(b[56:]),
		TTL: b[60], DetectMult: b[61], Ifindex: be.Uint32(b[64:]),
	}
	s.Src, s.Dst = addrOf(b[4:20], s.Flags), addrOf(b[20:36], s.Flags)
	name, _, ended := bytes.Cut(b[68:68+maxNameLength], []byte{0})
	s.Ifname = string(name)
	switch {
	case !ended:
		return errors.New("the interface's name has no end")
	case s.Dst.IsUnspecified():
		return errors.New("there is no peer address")
	case s.LID == 0:
		return errors.New("the session's discriminator is 0")
	}
	return nil
}

// addrOf reads an address of the family that the flags name.
func addrOf(b []byte, f Flags) netip.Addr {
	if f&IPv6 != 0 {
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func (t *Traffic) decode(b []byte) {
	*t = Traffic{be.Uint64(b), be.Uint64(b[8:]), be.Uint64(b[16:]), be.Uint64(b[24:])}
}

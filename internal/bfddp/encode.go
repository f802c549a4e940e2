package bfddp

import (
	"encoding/binary"
	"net/netip"
)

var be = binary.BigEndian

// Append appends the bytes of m. Its Type is one of those above.
func (m *Message) Append(b []byte) []byte {
	b = append(b, Version, 0)
	b = be.AppendUint16(b, uint16(m.Type))
	b = be.AppendUint16(b, m.ID)
	b = be.AppendUint16(b, uint16(headerSize+sizes[m.Type]))
	switch m.Type {
	case AddSession, DeleteSession:
		return m.Session.append(b)
	case StateChange:
		return m.State.append(b)
	case RequestCounters:
		return be.AppendUint32(b, m.LID)
	case SessionCounters:
		b = be.AppendUint32(b, m.Counters.LID)
		b = append(b, 0, 0, 0, 0) // what follows is aligned to 8 bytes
		return m.Counters.Echo.append(m.Counters.Control.append(b))
	}
	b = be.AppendUint64(b, m.Times.DataPlane)
	return be.AppendUint64(b, m.Times.BFDD)
}

func (s *Session) append(b []byte) []byte {
	b = be.AppendUint32(b, uint32(s.Flags))
	b = appendAddr(appendAddr(b, s.Src), s.Dst)
	for _, v := range []uint32{s.LID, s.MinTx, s.MinRx, s.MinEchoTx, s.MinEchoRx, s.Hold} {
		b = be.AppendUint32(b, v)
	}
	b = append(b, s.TTL, s.DetectMult, 0, 0)
	b = be.AppendUint32(b, s.Ifindex)
	var name [maxNameLength]byte
	copy(name[:maxNameLength-1], s.Ifname) // a zero byte ends it
	return append(b, name[:]...)
}

// appendAddr appends 16 bytes, of which an IPv4 address takes the first four.
func appendAddr(b []byte, a netip.Addr) []byte {
	var field [16]byte
	copy(field[:], a.AsSlice())
	return append(b, field[:]...)
}

func (s *State) append(b []byte) []byte {
	for _, v := range []uint32{s.LID, s.RID, uint32(s.Flags), s.DesiredTx, s.RequiredRx, s.RequiredEchoRx} {
		b = be.AppendUint32(b, v)
	}
	return append(b, s.State, s.Diag, s.DetectMult, 0)
}

func (t *Traffic) append(b []byte) []byte {
	for _, v := range []uint64{t.InBytes, t.InPackets, t.OutBytes, t.OutPackets} {
		b = be.AppendUint64(b, v)
	}
	return b
}

package explain

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const discr, farDiscr = 0x1a2b3c4d, 0x55667788

var (
	local, peer       = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	local6, peer6     = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	farLocal, farPeer = netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.9")
	stranger          = netip.MustParseAddr("192.0.2.77")
	ourMAC            = packet.MAC{2, 0, 0, 0, 0, 0x0a}
)

var params = session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}

// sessions are one to each address above.
func sessions() []Session {
	far := params
	far.Kind = session.Multihop
	return []Session{
		{Peer: peer, Local: local, Interface: "eth0", Discr: discr, Params: params, State: packet.Up, Remote: packet.Up, RemoteDiscr: 7, RemoteTx: 50_000, RemoteMult: 3, Loops: true},
		{Peer: peer6, Local: local6, Interface: "eth0", Discr: discr + 1, Params: params, State: packet.Down, Remote: packet.Down},
		{Peer: farPeer, Local: farLocal, Discr: farDiscr, Params: far, MinTTL: 250, State: packet.Down, Remote: packet.Down},
	}
}

// sent describes a frame; with is told what to change of a good one.
type sent struct {
	packet.Path
	packet.Control
	auth  *packet.Auth
	touch func(frame []byte, bfd int) // before the checksums are made to fit
	after func(frame []byte)
}

func good(src, dst netip.Addr) *sent {
	return &sent{
		Path: packet.Path{SrcMAC: packet.MAC{2, 1}, DstMAC: ourMAC, Src: packet.AddrFrom(src), Dst: packet.AddrFrom(dst),
			SrcPort: 50_000, DstPort: packet.PortControl},
		Control: packet.Control{State: packet.Up, DetectMult: 3, MyDiscr: 7, YourDiscr: discr, DesiredMinTx: 50_000, RequiredMinRx: 50_000},
	}
}

func (s *sent) with(change func(*sent)) *sent { change(s); return s }

func (s *sent) raw(touch func(frame []byte, bfd int)) *sent { s.touch = touch; return s }

func (s *sent) bytes(t testing.TB) []byte {
	t.Helper()
	var tmpl packet.Template
	tmpl.Render(&s.Path, &s.Control, s.auth)
	frame := make([]byte, packet.MaxFrame)
	bits := uint8(0)
	if s.Poll {
		bits = packet.BitPoll
	}
	frame = frame[:tmpl.Put(frame, bits)]
	if len(frame) == 0 {
		t.Fatal("no frame")
	}
	if s.touch != nil {
		s.touch(frame, tmpl.BFD())
		packet.FixChecksum(frame, tmpl.BFD())
	}
	if s.after != nil {
		s.after(frame)
	}
	return frame
}

// echoed is a packet to the Echo port with a number where ours have one.
func echoed(src, dst netip.Addr, ttl uint8, number uint32) *sent {
	s := good(src, dst).with(func(s *sent) { s.DstPort, s.TTL = packet.PortEcho, ttl })
	return s.raw(func(f []byte, bfd int) { binary.BigEndian.PutUint32(f[bfd+4:], number) })
}

func newExplainer(t testing.TB, list []Session) *Explainer {
	t.Helper()
	e := New(Options{Sessions: list, MAC: func(string) (packet.MAC, bool) { return ourMAC, true }})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

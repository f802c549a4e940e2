package packet_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

var (
	echoKey    = packet.EchoKey{A: 0x0706050403020100, B: 0x0f0e0d0c0b0a0908}
	echoSample = packet.Echo{Discr: 0x11223344, Seq: 0xfffffffe, Sent: 0x0102030405060708}
)

// echoPath makes a path one of Echo packets: to our own address, through the
// peer, from an address that is neither's.
func echoPath(p packet.Path) packet.Path {
	p.DstPort = packet.PortEcho
	p.Dst, p.Src = p.Src, addr("198.51.100.1")
	if !p.Dst.Is4() {
		p.Src = addr("2001:db8:ffff::1")
	}
	return p
}

// putEcho renders one Echo frame.
func putEcho(t testing.TB, p packet.Path, e packet.Echo) []byte {
	t.Helper()
	var tmpl packet.Template
	tmpl.RenderEcho(&p)
	b := make([]byte, packet.MaxFrame)
	n := tmpl.PutEcho(b, &e, &echoKey)
	if n == 0 || n != tmpl.Len() {
		t.Fatalf("PutEcho wrote %d bytes of a frame of %d", n, tmpl.Len())
	}
	return b[:n:n]
}

// The payload names its session where a Control packet does, and no bit of it
// can be changed by anyone who lacks the key.
func TestEchoPayload(t *testing.T) {
	b := make([]byte, packet.EchoLen)
	echoSample.Put(b, &echoKey)
	if want := unhex(t, "ec01000011223344fffffffe000000000102030405060708"); !bytes.Equal(b[:24], want) {
		t.Errorf("payload % x, want % x and a seal", b, want)
	}
	var e packet.Echo
	if !e.Decode(b, &echoKey) || e != echoSample || !packet.IsEcho(b) {
		t.Errorf("decoded: %s", cmp.Diff(echoSample, e))
	}
	var c packet.Control
	if d := c.Decode(b); d != packet.DropBadVersion {
		t.Errorf("as a Control packet: %v", d)
	}
	refused := map[string][]byte{
		"nothing": nil, "a byte less": b[:31], "a byte more": append(bytes.Clone(b), 0), "zeros": make([]byte, packet.EchoLen),
	}
	for bit := range 8 * packet.EchoLen {
		forged := bytes.Clone(b)
		forged[bit/8] ^= 1 << (bit % 8)
		refused[fmt.Sprintf("bit %d", bit)] = forged
	}
	for name, b := range refused {
		e := packet.Echo{Seq: 7}
		if e.Decode(b, &echoKey) || e != (packet.Echo{Seq: 7}) {
			t.Errorf("%s: taken for ours: %+v", name, e)
		}
	}
	for _, k := range []packet.EchoKey{{}, {A: echoKey.A}, {B: echoKey.B}, {A: echoKey.B, B: echoKey.A}} {
		if e.Decode(b, &k) {
			t.Errorf("key %x opens what %x sealed", k, echoKey)
		}
	}
	rows.Covers(t, "5880-5-01", "5880-5-02")
}

// An Echo frame is whole: to port 3785 of our own address, with nothing left in
// it of what the buffer held before.
func TestPutEcho(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for shape, p := range paths() {
		p := echoPath(p)
		var tmpl packet.Template
		tmpl.RenderEcho(&p)
		for range 20_000 {
			e := packet.Echo{Discr: rng.Uint32(), Seq: rng.Uint32(), Sent: rng.Int64()}
			dirty := bytes.Repeat([]byte{0xa5}, packet.MaxFrame)
			n := tmpl.PutEcho(dirty, &e, &echoKey)
			if tail := bytes.TrimRight(dirty[n:], "\xa5"); len(tail) != 0 {
				t.Fatalf("%s: wrote behind the frame", shape)
			}
			frame := dirty[:n]
			if !bytes.Equal(frame, putEcho(t, p, e)) {
				t.Fatalf("%s: the buffer shows in the frame", shape)
			}
			checkSums(t, frame)
			var d packet.Datagram
			var got packet.Echo
			if packet.ParseEthernet(frame, &d); d.Drop != packet.DropNone || !got.Decode(d.Payload, &echoKey) || got != e {
				t.Fatalf("%s: %v, %+v", shape, d.Drop, got)
			}
			d.Payload = nil
			want := packet.Datagram{
				Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: 3785, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC, VLAN: p.VLAN, TTL: 255,
			}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", shape, diff)
			}
		}
		short := bytes.Repeat([]byte{0xa5}, tmpl.Len()-1)
		if n := tmpl.PutEcho(short, &echoSample, &echoKey); n != 0 || len(bytes.TrimRight(short, "\xa5")) != 0 {
			t.Errorf("%s: wrote %d bytes where there is no room", shape, n)
		}
	}
	p := path4()
	p.Src = path6().Src
	var tmpl packet.Template
	tmpl.RenderEcho(&p)
	if n := tmpl.PutEcho(make([]byte, packet.MaxFrame), &echoSample, &echoKey); n != 0 || tmpl.Len() != 0 {
		t.Errorf("addresses of two families: %d bytes", n)
	}
	rows.Covers(t, "5881-4-08", "9747-5-02")
}

// wantLooped is the frame that a router's forwarding makes of one, from the text
// of the RFCs: MACs, TTL and checksums, and addresses and ports if it is turned.
func wantLooped(frame []byte, turn bool) []byte {
	w := bytes.Clone(frame)
	copy(w[0:6], frame[6:12])
	copy(w[6:12], frame[0:6])
	v := view(w)
	was := view(frame)
	ttl, addrs, alen := 7, 8, 16
	if v.v4 {
		ttl, addrs, alen = 8, 12, 4
	}
	v.ip[ttl]--
	if turn {
		copy(v.ip[addrs:], was.ip[addrs+alen:addrs+2*alen])
		copy(v.ip[addrs+alen:], was.ip[addrs:addrs+alen])
		copy(v.udp[0:2], was.udp[2:4])
		copy(v.udp[2:4], was.udp[0:2])
	}
	v.setIPChecksum()
	return w
}

// sameLoop compares, a checksum's two ways to say 0 being one.
func sameLoop(got, want []byte) string {
	got, want = bytes.Clone(got), bytes.Clone(want)
	for _, b := range [][]byte{got, want} {
		if v := view(b); v.v4 {
			if onesSum(v.ip[:20]) != 0xffff {
				return "IPv4 header checksum wrong"
			}
			clear(v.ip[10:12])
		}
	}
	return cmp.Diff(want, got)
}

func TestLoopEcho(t *testing.T) {
	for shape, p := range paths() {
		for _, turn := range []bool{false, true} {
			p := echoPath(p)
			for _, ttl := range []uint8{255, 254, 64, 1} {
				p.TTL = ttl
				frame := putEcho(t, p, echoSample)
				partial := bytes.Clone(frame) // as Linux leaves it to a device
				v := view(partial)
				binary.BigEndian.PutUint16(v.udp[6:], onesSum(v.pseudo()))
				none := bytes.Clone(frame)
				clear(view(none).udp[6:8])
				for name, in := range map[string][]byte{
					"plain": frame, "padded": append(bytes.Clone(frame), 1, 2, 3), "partial checksum": partial, "no checksum": none,
					"long": pad(frame, bytes.Repeat([]byte{7}, 60)), "odd": pad(frame, []byte{9}),
				} {
					if name == "no checksum" && !v.v4 {
						continue
					}
					want := wantLooped(in, turn)
					if name == "partial checksum" {
						want = wantLooped(frame, turn)
					}
					was := bytes.Clone(in)
					dst := bytes.Repeat([]byte{0xa5}, packet.MaxFrame)
					n := packet.LoopEcho(dst, in, turn)
					if diff := sameLoop(dst[:n], want); n == 0 || diff != "" {
						t.Fatalf("%s, %s, turned %v, TTL %d (-want +got):\n%s", shape, name, turn, ttl, diff)
					}
					if !bytes.Equal(in, was) || len(bytes.TrimRight(dst[n:], "\xa5")) != 0 {
						t.Errorf("%s, %s: wrote outside of the frame", shape, name)
					}
				}
			}
		}
	}
	rows.Covers(t, "5881-4-14")
}

// The IPv4 checksum is right whatever it was before.
func TestLoopEchoChecksumExhaustive(t *testing.T) {
	frame := putEcho(t, echoPath(path4()), echoSample)
	dst := make([]byte, packet.MaxFrame)
	for id := range 1 << 16 {
		v := view(frame)
		binary.BigEndian.PutUint16(v.ip[4:], uint16(id))
		v.setIPChecksum()
		n := packet.LoopEcho(dst, frame, false)
		if fault := sumFault(dst[:n]); fault != "" {
			t.Fatalf("identification %#x: %s", id, fault)
		}
	}
	rows.Covers(t, "5881-4-14")
}

func TestLoopEchoRefuses(t *testing.T) {
	for shape, p := range paths() {
		good := putEcho(t, echoPath(p), echoSample)
		edit := func(do func(v frameView)) []byte {
			b := bytes.Clone(good)
			v := view(b)
			do(v)
			v.setIPChecksum()
			return b
		}
		ttl, proto := 7, 6
		if view(good).v4 {
			ttl, proto = 8, 9
		}
		for name, b := range map[string][]byte{
			"nothing": nil, "cut short": good[:len(good)-1], "a header": good[:14],
			"TTL 0":    edit(func(v frameView) { v.ip[ttl] = 0 }),
			"payload":  edit(func(v frameView) { v.bfd[0] ^= 1 }),
			"not UDP":  edit(func(v frameView) { v.ip[proto] = 6 }),
			"too long": pad(good, make([]byte, packet.MaxFrame)),
		} {
			dst := bytes.Repeat([]byte{0xa5}, packet.MaxFrame)
			if n := packet.LoopEcho(dst, b, false); n != 0 || len(bytes.TrimRight(dst, "\xa5")) != 0 {
				t.Errorf("%s, %s: looped %d bytes", shape, name, n)
			}
		}
	}
	rows.Covers(t, "5881-4-14")
}

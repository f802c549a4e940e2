package packet_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

func TestTemplateSize(t *testing.T) {
	if got := unsafe.Sizeof(packet.Template{}); got != 128 {
		t.Errorf("a Template takes %d bytes, want two cache lines", got)
	}
	longest := packet.Path{VLAN: 1, Src: addr("2001:db8::1"), Dst: addr("2001:db8::2")}
	c := upControl()
	var tmpl packet.Template
	tmpl.Render(&longest, &c, &authVectors[4].auth)
	if n := tmpl.Len(); n != 118 || n > packet.MaxFrame {
		t.Errorf("the longest frame has %d bytes, want 118", n)
	}
}

func TestTemplateOffsets(t *testing.T) {
	tests := map[string]struct{ l3, bfd, length int }{
		"ipv4":        {14, 42, 66},
		"ipv6":        {14, 62, 86},
		"ipv4 tagged": {18, 46, 70},
		"ipv6 tagged": {18, 66, 90},
	}
	for shape, p := range paths() {
		c := upControl()
		var tmpl packet.Template
		tmpl.Render(&p, &c, nil)
		want := tests[shape]
		got := struct{ l3, bfd, length int }{tmpl.L3(), tmpl.BFD(), tmpl.Len()}
		if got != want {
			t.Errorf("%s: %+v, want %+v", shape, got, want)
		}
	}
}

func TestTemplateNeverSendsMultipoint(t *testing.T) {
	for state := packet.AdminDown; state <= packet.Up; state++ {
		for _, bits := range []uint8{0, packet.BitPoll, packet.BitFinal, packet.BitPoll | packet.BitFinal, 0xff} {
			c := upControl()
			c.State, c.Poll, c.Final, c.Multipoint = state, true, true, true
			b := view(put(t, path4(), c, nil, bits)).bfd
			if want := byte(state)<<6 | bits&0x30; b[0]>>5 != 1 || b[1] != want {
				t.Errorf("%v with bits %#02x: first bytes % x, want second %#02x", state, bits, b[:2], want)
			}
		}
	}
	rows.Covers(t, "5880-4.1-01", "5880-4.1-02")
}

func TestTemplateHeaders(t *testing.T) {
	for shape, p := range paths() {
		t.Run(shape, func(t *testing.T) {
			for _, ttl := range []uint8{0, 1, 255} {
				want := ttl
				if ttl == 0 {
					want = 255
				}
				p.TTL = ttl
				v := view(put(t, p, upControl(), nil, packet.BitFinal))
				hops, dscp := v.ip[7], (v.ip[0]<<4|v.ip[1]>>4)>>2
				if v.v4 {
					hops, dscp = v.ip[8], v.ip[1]>>2
				}
				if hops != want || dscp != 48 {
					t.Errorf("TTL %d, DSCP %d, want %d and 48", hops, dscp, want)
				}
				if v.v4 && !bytes.Equal(v.ip[4:8], []byte{0, 0, 0x40, 0}) {
					t.Errorf("identification and fragment word % x, want 0 with DF", v.ip[4:8])
				}
				if !v.v4 && (v.ip[1]&0x0f != 0 || v.ip[2] != 0 || v.ip[3] != 0) {
					t.Errorf("flow label in % x", v.ip[:4])
				}
				if port := binary.BigEndian.Uint16(v.udp[2:]); port != 3784 {
					t.Errorf("destination port %d", port)
				}
			}
		})
	}
	rows.Covers(t, "5881-4-01", "5881-5-01", "5082-5.4-01")
}

func TestPorts(t *testing.T) {
	if packet.PortControl != 3784 || packet.PortEcho != 3785 {
		t.Errorf("ports %d and %d, want 3784 and 3785", packet.PortControl, packet.PortEcho)
	}
	rows.Covers(t, "5881-8-01")
}

// Every variable has its place in the frame, changes that place, the checksums
// and nothing else. Offsets are those of an untagged IPv4 frame.
func TestTemplateFollowsEveryVariable(t *testing.T) {
	span := func(from, n int) []int {
		var s []int
		for i := range n {
			s = append(s, from+i)
		}
		return s
	}
	const ip, udp, bfd = 14, 34, 42
	tests := []struct {
		name string
		edit func(*packet.Path, *packet.Control)
		want []int
	}{
		{"diag", func(_ *packet.Path, c *packet.Control) { c.Diag = packet.DiagNeighborDown }, span(bfd, 1)},
		{"state", func(_ *packet.Path, c *packet.Control) { c.State = packet.Init }, span(bfd+1, 1)},
		{"cpi", func(_ *packet.Path, c *packet.Control) { c.CPI = true }, span(bfd+1, 1)},
		{"demand", func(_ *packet.Path, c *packet.Control) { c.Demand = true }, span(bfd+1, 1)},
		{"mult", func(_ *packet.Path, c *packet.Control) { c.DetectMult = 5 }, span(bfd+2, 1)},
		{"my", func(_ *packet.Path, c *packet.Control) { c.MyDiscr = ^c.MyDiscr }, span(bfd+4, 4)},
		{"your", func(_ *packet.Path, c *packet.Control) { c.YourDiscr = ^c.YourDiscr }, span(bfd+8, 4)},
		{"tx", func(_ *packet.Path, c *packet.Control) { c.DesiredMinTx = ^c.DesiredMinTx }, span(bfd+12, 4)},
		{"rx", func(_ *packet.Path, c *packet.Control) { c.RequiredMinRx = ^c.RequiredMinRx }, span(bfd+16, 4)},
		{"echo rx", func(_ *packet.Path, c *packet.Control) { c.RequiredMinEchoRx = 1<<32 - 1 }, span(bfd+20, 4)},
		{"destination mac", func(p *packet.Path, _ *packet.Control) { p.DstMAC = packet.MAC{9, 9, 9, 9, 9, 9} }, span(0, 6)},
		{"source mac", func(p *packet.Path, _ *packet.Control) { p.SrcMAC = packet.MAC{9, 9, 9, 9, 9, 9} }, span(6, 6)},
		{"source", func(p *packet.Path, _ *packet.Control) { p.Src = addr("10.9.8.7") }, span(ip+12, 4)},
		{"destination", func(p *packet.Path, _ *packet.Control) { p.Dst = addr("10.9.8.7") }, span(ip+16, 4)},
		{"source port", func(p *packet.Path, _ *packet.Control) { p.SrcPort = 0xffff }, span(udp, 2)},
		{"destination port", func(p *packet.Path, _ *packet.Control) { p.DstPort = 0xffff }, span(udp+2, 2)},
		{"ttl", func(p *packet.Path, _ *packet.Control) { p.TTL = 64 }, span(ip+8, 1)},
		{"dscp", func(p *packet.Path, _ *packet.Control) { p.DSCP = 0 }, span(ip+1, 1)},
	}
	checksums := map[int]bool{ip + 10: true, ip + 11: true, udp + 6: true, udp + 7: true}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, c := path4(), upControl()
			if tt.name == "source port" {
				p.SrcPort = 0 // so that both bytes differ
			}
			was := put(t, p, c, nil, 0)
			tt.edit(&p, &c)
			now := put(t, p, c, nil, 0)
			checkSums(t, now)
			var got []int
			for i := range now {
				if now[i] != was[i] && !checksums[i] {
					got = append(got, i)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("bytes changed (-want +got):\n%s", diff)
			}
		})
	}
	rows.Covers(t, "5880-6.8.7-16")
}

func TestTemplateFollowsAuthentication(t *testing.T) {
	plain := put(t, path4(), upControl(), nil, 0)
	signed := put(t, path4(), upControl(), &authVectors[3].auth, 0)
	was, now := view(plain).bfd, view(signed).bfd
	if len(signed) != len(plain)+28 || now[1] != was[1]|4 || was[3] != 24 || now[3] != 52 {
		t.Errorf("without % x, with authentication % x", was, now)
	}
	rows.Covers(t, "5880-6.8.7-07", "5880-6.8.7-10")
}

// Values too wide for their field cannot spill into the next one.
func TestTemplateMasksFields(t *testing.T) {
	p := path6()
	p.VLAN, p.PCP, p.DSCP = 0x1005, 8, 0xff
	frame := put(t, p, upControl(), nil, 0)
	if got, want := frame[12:20], []byte{0x81, 0, 0, 5, 0x86, 0xdd, 0x6f, 0xc0}; !bytes.Equal(got, want) {
		t.Errorf("tag, type and class % x, want % x", got, want)
	}
	c := upControl()
	c.Diag = 0xff
	if b := view(put(t, p, c, nil, 0)).bfd; b[0] != 0x3f {
		t.Errorf("version and diagnostic %#02x, want 0x3f", b[0])
	}
}

// A template that is rendered anew keeps nothing of what it was.
func TestTemplateRenderForgets(t *testing.T) {
	long, short, c := path6(), path4(), upControl()
	long.VLAN = 7
	var used, fresh packet.Template
	used.Render(&long, &c, &authVectors[4].auth)
	used.Render(&short, &c, nil)
	fresh.Render(&short, &c, nil)
	if used != fresh {
		t.Error("a second rendering differs from a first")
	}
	mixed := path4()
	mixed.Dst = addr("2001:db8::2")
	if used.Render(&mixed, &c, nil); used != (packet.Template{}) {
		t.Errorf("rendered a frame of %d bytes from IPv4 to IPv6", used.Len())
	}
}

func TestTemplatePutTouchesItsFrameOnly(t *testing.T) {
	p, c := path6(), upControl()
	var tmpl packet.Template
	tmpl.Render(&p, &c, nil)
	before := tmpl
	dst := bytes.Repeat([]byte{0xee}, packet.MaxFrame)
	n := tmpl.Put(dst, packet.BitPoll)
	if tmpl != before {
		t.Error("Put changed the template")
	}
	if tail := dst[n:]; !bytes.Equal(tail, bytes.Repeat([]byte{0xee}, len(tail))) {
		t.Errorf("Put wrote behind its frame: % x", tail)
	}
	small := bytes.Repeat([]byte{0xee}, n-1)
	if got := tmpl.Put(small, 0); got != 0 || small[0] != 0xee {
		t.Errorf("Put wrote %d bytes into a buffer that is too small", got)
	}
	var empty packet.Template
	if got := empty.Put(dst, packet.BitPoll|packet.BitFinal); got != 0 || empty.Len() != 0 {
		t.Errorf("an empty template put %d bytes", got)
	}
}

// allBits are the combinations of P and F.
var allBits = [4]uint8{0, packet.BitPoll, packet.BitFinal, packet.BitPoll | packet.BitFinal}

// putFull is Put done the slow way: set the bits, sum everything again.
func putFull(frame []byte, bits uint8) []byte {
	b := bytes.Clone(frame)
	v := view(b)
	v.bfd[1] |= bits
	v.setUDPChecksum()
	return b
}

// All 65,536 checksums a frame can have, each with every combination of P and F:
// the corner where the sum comes to 0 included.
func TestTemplateChecksumExhaustive(t *testing.T) {
	for shape, p := range paths() {
		c, dst := upControl(), make([]byte, packet.MaxFrame)
		ones := 0
		for word := range uint32(1 << 16) {
			c.YourDiscr = word<<16 | 0x7788
			var tmpl packet.Template
			tmpl.Render(&p, &c, nil)
			base := dst[:tmpl.Put(dst, 0)]
			full := [4][]byte{}
			for i, bits := range allBits {
				full[i] = putFull(base, bits)
			}
			for i, bits := range allBits {
				got := dst[:tmpl.Put(dst, bits)]
				if !bytes.Equal(got, full[i]) {
					t.Fatalf("%s, word %#04x, bits %#02x:\n got % x\nwant % x", shape, word, bits, got, full[i])
				}
				if v := view(got); v.udp[6] == 0xff && v.udp[7] == 0xff {
					ones++
				}
			}
		}
		if ones < 4 {
			t.Errorf("%s: the all-ones checksum came up %d times, want with each of the 4 combinations", shape, ones)
		}
	}
}

// A million frames of random content, every checksum verified.
func TestTemplateChecksumRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5880, 5881))
	dst := make([]byte, packet.MaxFrame)
	for range 250_000 {
		p, c, a := randomPath(rng), randomControl(rng), randomAuth(rng)
		var tmpl packet.Template
		tmpl.Render(&p, &c, a)
		base := bytes.Clone(dst[:tmpl.Put(dst, 0)])
		for _, bits := range allBits {
			got := dst[:tmpl.Put(dst, bits)]
			if fault := sumFault(got); fault != "" {
				t.Fatalf("%s in % x", fault, got)
			}
			if want := putFull(base, bits); !bytes.Equal(got, want) {
				t.Fatalf("bits %#02x:\n got % x\nwant % x", bits, got, want)
			}
		}
	}
	rows.Covers(t, "ENV-UDP-03")
}

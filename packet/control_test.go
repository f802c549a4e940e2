package packet_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

const plainHex = "20c0031811223344556677880000c3500000c35000000000"

func TestControlKnownAnswer(t *testing.T) {
	b := unhex(t, plainHex)
	want := upControl()
	var got packet.Control
	if drop := got.Decode(b); drop != packet.DropNone {
		t.Fatalf("Decode: %v", drop)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
	out := make([]byte, packet.ControlLen)
	want.Put(out)
	if !bytes.Equal(out, b) {
		t.Errorf("Put wrote %x, want %x", out, b)
	}
	if tx := out[12:16]; !bytes.Equal(tx, []byte{0, 0, 0xc3, 0x50}) {
		t.Errorf("50 ms went out as % x", tx)
	}
	rows.Covers(t, "5880-4.1-01", "5880-4.1-03")
}

func TestControlFieldPositions(t *testing.T) {
	tests := []struct {
		name string
		set  func(*packet.Control)
		want string
	}{
		{"state admin-down", func(c *packet.Control) { c.State = packet.AdminDown }, "20000318"},
		{"state down", func(c *packet.Control) { c.State = packet.Down }, "20400318"},
		{"state init", func(c *packet.Control) { c.State = packet.Init }, "20800318"},
		{"state up", func(c *packet.Control) { c.State = packet.Up }, "20c00318"},
		{"poll", func(c *packet.Control) { c.Poll = true }, "20e00318"},
		{"final", func(c *packet.Control) { c.Final = true }, "20d00318"},
		{"cpi", func(c *packet.Control) { c.CPI = true }, "20c80318"},
		{"auth", func(c *packet.Control) { c.Auth, c.Length = true, 27 }, "20c4031b"},
		{"demand", func(c *packet.Control) { c.Demand = true }, "20c20318"},
		{"mult 1", func(c *packet.Control) { c.DetectMult = 1 }, "20c00118"},
		{"mult 255", func(c *packet.Control) { c.DetectMult = 255 }, "20c0ff18"},
		{"diag 31", func(c *packet.Control) { c.Diag = 31 }, "3fc00318"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := upControl()
			tt.set(&c)
			b := make([]byte, 27)
			c.Put(b)
			if want := unhex(t, tt.want); !bytes.Equal(b[:4], want) {
				t.Errorf("first word %x, want %x", b[:4], want)
			}
			if want := unhex(t, plainHex)[4:]; !bytes.Equal(b[4:24], want) {
				t.Errorf("the rest %x, want %x", b[4:24], want)
			}
			var got packet.Control
			if drop := got.Decode(b); drop != packet.DropNone {
				t.Fatalf("Decode: %v", drop)
			}
			if diff := cmp.Diff(c, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
	rows.Covers(t, "5880-4.1-04")
}

func TestControlPutMultipoint(t *testing.T) {
	c := upControl()
	c.Multipoint = true
	b := make([]byte, packet.ControlLen)
	if c.Put(b); b[1] != 0xc1 {
		t.Errorf("second byte %#02x, want 0xc1", b[1])
	}
}

// discards are the faults that need no session to be seen, by the row that
// forbids them.
var discards = []struct {
	name string
	row  string
	want packet.Drop
	edit func(b []byte)
}{
	{"version 0", "5880-6.8.6-01", packet.DropBadVersion, func(b []byte) { b[0] = 0 << 5 }},
	{"version 2", "5880-6.8.6-01", packet.DropBadVersion, func(b []byte) { b[0] = 2 << 5 }},
	{"version 7", "5880-6.8.6-01", packet.DropBadVersion, func(b []byte) { b[0] = 7 << 5 }},
	{"length 0", "5880-6.8.6-02", packet.DropBadLengthMin, func(b []byte) { b[3] = 0 }},
	{"length 23", "5880-6.8.6-02", packet.DropBadLengthMin, func(b []byte) { b[3] = 23 }},
	{"length 24 with A", "5880-6.8.6-03", packet.DropBadLengthMin, func(b []byte) { b[1] |= 4; b[3] = 24 }},
	{"length 25 with A", "5880-6.8.6-03", packet.DropBadLengthMin, func(b []byte) { b[1] |= 4; b[3] = 25 }},
	{"length 0 with A", "5880-6.8.6-03", packet.DropBadLengthMin, func(b []byte) { b[1] |= 4; b[3] = 0 }},
	{"length 25 of 24", "5880-6.8.6-04", packet.DropBadLengthMax, func(b []byte) { b[3] = 25 }},
	{"length 52 of 24", "5880-6.8.6-04", packet.DropBadLengthMax, func(b []byte) { b[3] = 52 }},
	{"length 255 of 24", "5880-6.8.6-04", packet.DropBadLengthMax, func(b []byte) { b[3] = 255 }},
	{"length 26 of 24 with A", "5880-6.8.6-04", packet.DropBadLengthMax, func(b []byte) { b[1] |= 4; b[3] = 26 }},
	{"mult 0", "5880-6.8.6-06", packet.DropZeroMult, func(b []byte) { b[2] = 0 }},
	{"multipoint", "5880-6.8.6-07", packet.DropMultipoint, func(b []byte) { b[1] |= 1 }},
	{"my discriminator 0", "5880-6.8.6-08", packet.DropZeroMyDiscr, func(b []byte) { clear(b[4:8]) }},
}

func TestControlDiscards(t *testing.T) {
	for _, tt := range discards {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, plainHex)
			tt.edit(b)
			var c packet.Control
			if got := c.Decode(b); got != tt.want {
				t.Errorf("Decode = %v, want %v", got, tt.want)
			}
			for name, p := range paths() {
				frame := put(t, p, upControl(), nil, 0)
				v := view(frame)
				tt.edit(v.bfd)
				v.setUDPChecksum()
				if got := judge(frame); got != tt.want {
					t.Errorf("in a frame over %s: %v, want %v", name, got, tt.want)
				}
			}
			rows.Covers(t, tt.row)
		})
	}
}

func TestControlShort(t *testing.T) {
	b := unhex(t, plainHex)
	for n := range packet.ControlLen {
		var c packet.Control
		if got := c.Decode(b[:n:n]); got != packet.DropShort {
			t.Errorf("%d bytes: %v, want %v", n, got, packet.DropShort)
		}
	}
}

// Only what RFC 5880 §6.8.6 names is a reason to drop.
func TestControlOdditiesAccepted(t *testing.T) {
	tests := []struct {
		name string
		edit func(*packet.Path, *packet.Control)
		bits uint8
	}{
		{name: "P and F", bits: packet.BitPoll | packet.BitFinal},
		{name: "tx 0", edit: func(_ *packet.Path, c *packet.Control) { c.DesiredMinTx = 0 }},
		{name: "rx 0", edit: func(_ *packet.Path, c *packet.Control) { c.RequiredMinRx = 0 }},
		{name: "odd intervals", edit: func(_ *packet.Path, c *packet.Control) {
			c.DesiredMinTx, c.RequiredMinRx, c.RequiredMinEchoRx = 1, 1<<32-1, 7
		}},
		{name: "C", edit: func(_ *packet.Path, c *packet.Control) { c.CPI = true }},
		{name: "D while down", edit: func(_ *packet.Path, c *packet.Control) { c.State, c.Demand = packet.Down, true }},
		{name: "source port 1024", edit: func(p *packet.Path, _ *packet.Control) { p.SrcPort = 1024 }},
		{name: "source port 49151", edit: func(p *packet.Path, _ *packet.Control) { p.SrcPort = 49151 }},
	}
	for diag := packet.Diag(9); diag <= 31; diag++ {
		tests = append(tests, struct {
			name string
			edit func(*packet.Path, *packet.Control)
			bits uint8
		}{name: "diag " + diag.String(), edit: func(_ *packet.Path, c *packet.Control) { c.Diag = diag }})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for shape, p := range paths() {
				want := upControl()
				if tt.edit != nil {
					tt.edit(&p, &want)
				}
				frame := put(t, p, want, nil, tt.bits)
				want.Poll, want.Final = tt.bits&packet.BitPoll != 0, tt.bits&packet.BitFinal != 0
				var d packet.Datagram
				var got packet.Control
				if packet.ParseEthernet(frame, &d); d.Drop != packet.DropNone || d.SrcPort != p.SrcPort {
					t.Errorf("over %s: drop %v, source port %d", shape, d.Drop, d.SrcPort)
				}
				if drop := got.Decode(d.Payload); drop != packet.DropNone {
					t.Errorf("over %s: %v", shape, drop)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("over %s (-want +got):\n%s", shape, diff)
				}
			}
		})
	}
	rows.Covers(t, "5880-6.8.6-31")
}

// RFC 9764 pads behind Length; what is there is nobody's business.
func TestControlPaddingAccepted(t *testing.T) {
	for _, n := range []int{1, 8, 1000, 1448, 8948} {
		for _, fill := range []byte{0, 0xff} {
			for shape, p := range paths() {
				frame := pad(put(t, p, upControl(), nil, 0), slices.Repeat([]byte{fill}, n))
				var d packet.Datagram
				packet.ParseEthernet(frame, &d)
				if d.Drop != packet.DropNone || len(d.Payload) != packet.ControlLen+n {
					t.Fatalf("%s with %d bytes: drop %v, payload of %d", shape, n, d.Drop, len(d.Payload))
				}
				var c packet.Control
				if drop := c.Decode(d.Payload); drop != packet.DropNone || c != upControl() {
					t.Errorf("%s with %d bytes of %#02x: %v, %+v", shape, n, fill, drop, c)
				}
			}
		}
	}
	rows.Covers(t, "5880-6.8.6-05", "9764-4.1-01")
}

package packet_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// authVectors are whole packets: the header of upControl with A, and a section.
var authVectors = []struct {
	name string
	hex  string
	auth packet.Auth
}{
	{"simple", "20c4032111223344556677880000c3500000c35000000000010907736563726574",
		auth(packet.AuthSimple, 0, "736563726574")},
	{"keyed MD5", "20c4033011223344556677880000c3500000c3500000000002180700fffffffe9fca56e87b2d4550762df82202dfd262",
		auth(packet.AuthKeyedMD5, 0xfffffffe, "9fca56e87b2d4550762df82202dfd262")},
	{"meticulous MD5", "20c4033011223344556677880000c3500000c3500000000003180700fffffffed0d372743b328d79825fbf202083a6c9",
		auth(packet.AuthMeticulousMD5, 0xfffffffe, "d0d372743b328d79825fbf202083a6c9")},
	{"keyed SHA1", "20c4033411223344556677880000c3500000c35000000000041c0700fffffffe801e85cbf77d1b97ed07cf3cdb416b29a702d281",
		auth(packet.AuthKeyedSHA1, 0xfffffffe, "801e85cbf77d1b97ed07cf3cdb416b29a702d281")},
	{"meticulous SHA1", "20c4033411223344556677880000c3500000c35000000000051c0700fffffffeb215d3400423710467310d90c10b591006809a64",
		auth(packet.AuthMeticulousSHA1, 0xfffffffe, "b215d3400423710467310d90c10b591006809a64")},
}

// auth makes a section with key id 7; data is hex.
func auth(typ packet.AuthType, seq uint32, data string) packet.Auth {
	a := packet.Auth{Type: typ, KeyID: 7, Seq: seq, N: uint8(len(data) / 2)}
	if _, err := hex.Decode(a.Data[:], []byte(data)); err != nil {
		panic(err)
	}
	return a
}

func TestAuthKnownAnswer(t *testing.T) {
	for _, tt := range authVectors {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			var c packet.Control
			if drop := c.Decode(b); drop != packet.DropNone {
				t.Fatalf("Decode: %v", drop)
			}
			want := upControl()
			want.Auth, want.Length = true, uint8(len(b))
			if diff := cmp.Diff(want, c); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			var a packet.Auth
			if drop := packet.DecodeAuth(b[packet.ControlLen:c.Length], &a); drop != packet.DropNone {
				t.Fatalf("DecodeAuth: %v", drop)
			}
			if diff := cmp.Diff(tt.auth, a); diff != "" {
				t.Errorf("section (-want +got):\n%s", diff)
			}
			for shape, p := range paths() {
				frame := put(t, p, upControl(), &tt.auth, 0)
				if got := view(frame).bfd; !bytes.Equal(got, b) {
					t.Errorf("rendered over %s:\n got %x\nwant %x", shape, got, b)
				}
				checkSums(t, frame)
			}
		})
	}
	rows.Covers(t, "5880-6.8.7-07", "5880-6.8.7-10")
}

func TestAuthSimplePasswordLengths(t *testing.T) {
	for n := 1; n <= 16; n++ {
		a := packet.Auth{Type: packet.AuthSimple, KeyID: 255, N: uint8(n)}
		copy(a.Data[:n], "0123456789abcdef")
		frame := put(t, path4(), upControl(), &a, 0)
		bfd := view(frame).bfd
		want := append([]byte{1, byte(n + 3), 255}, "0123456789abcdef"[:n]...)
		if got := bfd[packet.ControlLen:]; !bytes.Equal(got, want) {
			t.Errorf("password of %d: section %x, want %x", n, got, want)
		}
		if bfd[3] != byte(27+n) || bfd[1]&4 == 0 {
			t.Errorf("password of %d: Length %d, second byte %#02x", n, bfd[3], bfd[1])
		}
		var got packet.Auth
		if drop := packet.DecodeAuth(want, &got); drop != packet.DropNone || got != a {
			t.Errorf("password of %d decoded as %+v: %v", n, got, drop)
		}
	}
	rows.Covers(t, "5880-6.7.2-01")
}

func TestDecodeAuthDiscards(t *testing.T) {
	section := func(head ...byte) []byte { return head }
	grow := func(n int, head ...byte) []byte { return append(head, make([]byte, n-len(head))...) }
	tests := []struct {
		name  string
		b     []byte
		want  packet.Drop
		typ   packet.AuthType
		keyID uint8
	}{
		{"nothing", nil, packet.DropAuthLen, 0, 0},
		{"type only", section(1), packet.DropAuthLen, packet.AuthSimple, 0},
		{"no key id", section(5, 2), packet.DropAuthLen, packet.AuthMeticulousSHA1, 0},
		{"type 0", grow(27, 0, 27, 7), packet.DropAuthType, 0, 0},
		{"type 6", grow(28, 6, 28, 7), packet.DropAuthType, 6, 0},
		{"type 255", section(255), packet.DropAuthType, 255, 0},
		{"type before length", section(9, 200, 7), packet.DropAuthType, 9, 0},
		{"simple, no password", section(1, 3, 7), packet.DropAuthLen, packet.AuthSimple, 7},
		{"simple, 17 bytes", grow(20, 1, 20, 7), packet.DropAuthLen, packet.AuthSimple, 7},
		{"simple, says one more", grow(9, 1, 10, 7), packet.DropAuthLen, packet.AuthSimple, 7},
		{"simple, says one less", grow(9, 1, 8, 7), packet.DropAuthLen, packet.AuthSimple, 7},
		{"md5, 23", grow(23, 2, 23, 7), packet.DropAuthLen, packet.AuthKeyedMD5, 7},
		{"md5, 25", grow(25, 3, 25, 7), packet.DropAuthLen, packet.AuthMeticulousMD5, 7},
		{"md5 of 24 says 28", grow(24, 2, 28, 7), packet.DropAuthLen, packet.AuthKeyedMD5, 7},
		{"sha1, 27", grow(27, 4, 27, 7), packet.DropAuthLen, packet.AuthKeyedSHA1, 7},
		{"sha1, 29", grow(29, 5, 29, 7), packet.DropAuthLen, packet.AuthMeticulousSHA1, 7},
		{"sha1 of 29 says 28", grow(29, 5, 28, 7), packet.DropAuthLen, packet.AuthMeticulousSHA1, 7},
		{"sha1 of 24", grow(24, 4, 24, 7), packet.DropAuthLen, packet.AuthKeyedSHA1, 7},
		{"length 0", grow(28, 4, 0, 7), packet.DropAuthLen, packet.AuthKeyedSHA1, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := packet.Auth{Type: 99, KeyID: 99, Seq: 99, Data: [20]byte{99}, N: 99}
			if got := packet.DecodeAuth(slices.Clip(tt.b), &a); got != tt.want {
				t.Errorf("DecodeAuth = %v, want %v", got, tt.want)
			}
			if want := (packet.Auth{Type: tt.typ, KeyID: tt.keyID}); a != want {
				t.Errorf("left %+v, want %+v", a, want)
			}
		})
	}
}

func TestDecodeAuthIgnoresReserved(t *testing.T) {
	b := unhex(t, authVectors[3].hex)[packet.ControlLen:]
	b[3] = 0xff
	var a packet.Auth
	if drop := packet.DecodeAuth(b, &a); drop != packet.DropNone || a != authVectors[3].auth {
		t.Errorf("%v, %+v", drop, a)
	}
	out := slices.Repeat([]byte{0xee}, 29)
	if n := a.Put(out); n != 28 || out[3] != 0 || out[28] != 0xee {
		t.Errorf("Put wrote %d bytes: % x", n, out)
	}
}

// What is no section must not go out, least of all as a packet without one.
func TestAuthThatIsNone(t *testing.T) {
	for _, a := range []packet.Auth{
		{}, {Type: 6, N: 20}, {Type: packet.AuthSimple}, {Type: packet.AuthSimple, N: 17}, {Type: packet.AuthSimple, N: 255},
	} {
		if n := a.Len(); n != 0 {
			t.Errorf("%+v: Len %d", a, n)
		}
		b := make([]byte, 64)
		if n := a.Put(b); n != 0 || !bytes.Equal(b, make([]byte, 64)) {
			t.Errorf("%+v: Put wrote %d bytes: % x", a, n, b)
		}
		p, c := path4(), upControl()
		var tmpl packet.Template
		tmpl.Render(&p, &c, nil)
		tmpl.Render(&p, &c, &a)
		if n := tmpl.Put(b, 0); n != 0 || tmpl != (packet.Template{}) {
			t.Errorf("%+v: rendered a frame of %d bytes", a, n)
		}
	}
	a := authVectors[4].auth
	if n := a.Put(make([]byte, 27)); n != 0 {
		t.Errorf("Put wrote %d bytes into 27", n)
	}
}

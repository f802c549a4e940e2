package packet_test

import (
	"bytes"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Verify accepts what another implementation signed, with the secret of the end
// that signed it and with no other, and Sign makes the same bytes.
func TestDigestsOfCaptures(t *testing.T) {
	proven := 0
	for _, c := range captures {
		if c.typ == 0 {
			continue
		}
		t.Run(c.file, func(t *testing.T) {
			for i, frame := range readCapture(t, c.file) {
				v := view(frame)
				mine, far := c.secretB, c.secretA
				if theirs(t, frame).Datagram.Src == addr("198.18.0.1") {
					mine, far = far, mine
				}
				m := packet.AuthMethod{Type: c.typ}
				for secret, want := range map[string]bool{mine: true, far: far == mine, mine + "x": false, mine[1:]: false, "": false} {
					if got := verify(t, m, v.bfd, secret); got != want {
						t.Errorf("frame %d, secret %q: verified %v, want %v", i, secret, got, want)
					}
				}
				if m.HMAC = true; m.Type.SHA1() && verify(t, m, v.bfd, mine) {
					t.Errorf("frame %d: verified as an HMAC", i)
				}
				if m.HMAC = false; !bytes.Equal(signed(v.bfd, m, mine), v.bfd) {
					t.Errorf("frame %d: signed anew as\n% x, was\n% x", i, signed(v.bfd, m, mine), v.bfd)
				}
				proven++
			}
		})
	}
	if proven != 5*93+12 {
		t.Errorf("%d packets verified", proven)
	}
	rows.Covers(t, "5880-6.7.3-02", "5880-6.7.4-02")
}

// verify is AuthMethod.Verify of a whole Control packet.
func verify(t testing.TB, m packet.AuthMethod, bfd []byte, secret string) bool {
	t.Helper()
	var a packet.Auth
	if d := packet.DecodeAuth(bfd[packet.ControlLen:], &a); d != packet.DropNone {
		t.Fatalf("section of % x: %v", bfd, d)
	}
	before := bytes.Clone(bfd)
	s := packet.NewSecret([]byte(secret))
	ok := m.Verify(bfd, &a, &s)
	if !bytes.Equal(before, bfd) {
		t.Fatal("Verify changes the packet")
	}
	return ok
}

// signed is bfd with a digest made anew, in place of rubbish.
func signed(bfd []byte, m packet.AuthMethod, secret string) []byte {
	b := bytes.Clone(bfd)
	if m.Type.Sequenced() {
		for i := range b[packet.ControlLen+8:] {
			b[packet.ControlLen+8+i] = 0x5a
		}
	}
	s := packet.NewSecret([]byte(secret))
	m.Sign(b, &s)
	return b
}

package wirebed

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// What D signs, read by the text of the RFC: layout, number, digest. The numbers
// go up by one for each packet of the meticulous kind, across the wrap of T's.
func TestSigned(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method packet.AuthMethod
		rows   []string
	}{
		"keyed SHA1":      {keyedSHA1, []string{"5880-6.7.4-01", "5880-6.7.4-02", "5880-4.4-01", "5880-6.7.4-14", "5880-6.7.4-15", "5880-6.7-01"}},
		"meticulous SHA1": {meticulousSHA1, []string{"5880-6.7.4-01", "5880-6.7.4-02", "5880-4.4-01", "5880-6.7.4-13", "5880-6.7.4-10", "5880-6.7.4-16", "5880-6.7-01"}},
		"keyed MD5":       {packet.AuthMethod{Type: packet.AuthKeyedMD5}, []string{"5880-6.7.3-01", "5880-6.7.3-02", "5880-6.7.3-03", "5880-4.3-01"}},
		"meticulous MD5":  {packet.AuthMethod{Type: packet.AuthMeticulousMD5}, []string{"5880-6.7.3-01", "5880-6.7.3-02", "5880-6.7.3-03", "5880-6.7.3-08"}},
		"password":        {packet.AuthMethod{Type: packet.AuthSimple}, []string{"5880-6.7.2-01", "5880-6.7.2-07"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAuth(t, tt.method, p50, func(b *bed, s *signer) {
				b.up()
				for range 5 {
					b.answered("P", nil)
				}
				b.configure(ms(50, 60, 3))
				time.Sleep(300 * time.Millisecond)
				b.settle()
				checkSigned(b, b.all(), tt.method)
			})
			rows.Covers(t, append(tt.rows, "5880-6.8.7-07", "5880-6.8.7-10", "5880-6.8.6-16")...)
		})
	}
}

// The digest of a packet is of what Length says: padding behind it, whatever it holds,
// changes nothing.
func TestPaddedAndSigned(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]packet.AuthMethod{
		"keyed SHA1": keyedSHA1, "meticulous SHA1": meticulousSHA1, "keyed MD5": {Type: packet.AuthKeyedMD5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAuth(t, method, p50, func(b *bed, _ *signer) {
				probe{draft: func(b *bed, c packet.Control) *draft {
					return b.frameOf(c).trailing(bytes.Repeat([]byte{0xa5}, 500)...)
				}}.accept(b)
			})
			rows.Covers(t, "9764-AUTH-01")
		})
	}
}

func checkSigned(b *bed, all []hearing, m packet.AuthMethod) {
	b.Helper()
	var last uint32
	for i, h := range all {
		raw := h.dgram.Payload
		if !h.Auth || int(h.Length) != len(raw) || bytes.Contains(raw, []byte(secret)) != (m.Type == packet.AuthSimple) {
			b.Fatalf("packet %d: A %v, Length %d of %d, or the key in clear", i, h.Auth, h.Length, len(raw))
		}
		section := raw[packet.ControlLen:]
		if section[0] != byte(m.Type) || int(section[1]) != len(section) || section[2] != keyID {
			b.Fatalf("packet %d: section % x", i, section)
		}
		if m.Type == packet.AuthSimple {
			if string(section[3:]) != secret {
				b.Fatalf("packet %d: section % x", i, section)
			}
			continue
		}
		if section[3] != 0 || !bytes.Equal(section[8:], digest(raw, m, secret)) {
			b.Fatalf("packet %d: reserved byte or digest in % x", i, section)
		}
		seq := binary.BigEndian.Uint32(section[4:])
		if i > 0 {
			step := seq - last
			content := h.State != all[i-1].State || h.RequiredMinRx != all[i-1].RequiredMinRx
			if m.Type.Meticulous() && step != 1 || step > 1 || content && step == 0 {
				b.Errorf("packet %d: number %d after %d, content changed %v", i, seq, last, content)
			}
		}
		last = seq
	}
}

// The first number is random: two devices that start have others.
func TestFirstSequenceNumber(t *testing.T) {
	t.Parallel()
	var list []uint32
	for range 4 {
		onAuth(t, meticulousSHA1, p50, func(b *bed, _ *signer) {
			list = append(list, binary.BigEndian.Uint32(b.awaitFirst().dgram.Payload[packet.ControlLen+4:]))
		})
	}
	for i, seq := range list {
		if seq == 0 || slices.Contains(list[:i], seq) {
			t.Errorf("first numbers %#x", list)
		}
		if i > 0 && seq-list[i-1] < 1<<8 {
			t.Errorf("first numbers are near each other: %#x", list)
		}
	}
	rows.Covers(t, "5880-6.8.1-12")
}

// What an authenticated session must not take, each by all four observations.
func TestAuthDiscards(t *testing.T) {
	t.Parallel()
	fault := func(edit func(s *signer)) func(*bed, packet.Control, *signer) *draft {
		return func(b *bed, c packet.Control, s *signer) *draft {
			bad := *s
			edit(&bad)
			d := b.frameOf(c)
			s.seq-- // which frameOf has used up
			d.payload = bad.sign(c)
			return d
		}
	}
	for _, tt := range []struct {
		name   string
		method packet.AuthMethod
		draft  func(*bed, packet.Control, *signer) *draft
		reason packet.Drop
		rows   []string
	}{
		{"no section", keyedSHA1, fault(func(s *signer) { s.method.Type = 0 }), packet.DropAuthMissing, []string{"5880-6.8.6-15", "5880-6.7.4-04"}},
		{"type 4 for 5", meticulousSHA1, fault(func(s *signer) { s.method = keyedSHA1 }), packet.DropAuthType, []string{"5880-6.7.4-04"}},
		{"password", meticulousSHA1, fault(func(s *signer) { s.method.Type = packet.AuthSimple }), packet.DropAuthType, []string{"5880-6.7.4-04"}},
		{"other key id", meticulousSHA1, fault(func(s *signer) { s.keyID++ }), packet.DropAuthKeyID, []string{"5880-6.7.4-05"}},
		{"Auth Len 27", meticulousSHA1, fault(func(s *signer) { s.authLen = -1 }), packet.DropAuthLen, []string{"5880-6.7.4-06"}},
		{"Auth Len 29", meticulousSHA1, fault(func(s *signer) { s.authLen = 1 }), packet.DropAuthLen, []string{"5880-6.7.4-06"}},
		{"replay", meticulousSHA1, fault(func(s *signer) { s.seq-- }), packet.DropAuthSeq, []string{"5880-6.7.4-08"}},
		{"a number before", keyedSHA1, fault(func(s *signer) { s.seq -= 2 }), packet.DropAuthSeq, []string{"5880-6.7.4-10"}},
		{"beyond the window", meticulousSHA1, fault(func(s *signer) { s.seq += 9 }), packet.DropAuthSeq, []string{"5880-6.7.4-09"}},
		{"beyond the window, keyed", keyedSHA1, fault(func(s *signer) { s.seq += 9 }), packet.DropAuthSeq, []string{"5880-6.7.4-09"}},
		{"digest spoilt", meticulousSHA1, fault(func(s *signer) { s.spoilt = true }), packet.DropAuthDigest, []string{"5880-6.8.1-04"}},
		{"digest spoilt, last number of the window", meticulousSHA1, func(b *bed, c packet.Control, s *signer) *draft {
			return fault(func(s *signer) { s.seq += 3*uint32(c.DetectMult) - 1; s.spoilt = true })(b, c, s)
		}, packet.DropAuthDigest, []string{"5880-6.7.4-11"}},
		{"other secret", keyedSHA1, fault(func(s *signer) { s.secret = "secreT" }), packet.DropAuthDigest, []string{"5880-6.8.1-04"}},
		{"HMAC", keyedSHA1, fault(func(s *signer) { s.method.HMAC = true }), packet.DropAuthDigest, []string{"5880-6.7.4-02"}},
		{"signed, with M", meticulousSHA1, fault(func(s *signer) { s.method.HMAC = false }), packet.DropMultipoint, []string{"5880-6.7-02"}},
		{"TTL 254 and a bad digest", keyedSHA1, func(b *bed, c packet.Control, s *signer) *draft {
			return fault(func(s *signer) { s.spoilt = true })(b, c, s).ttl(254)
		}, packet.DropTTL, []string{"5881-5-03"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onAuth(t, tt.method, p50, func(b *bed, s *signer) {
				probe{tt.name, func(b *bed, c packet.Control) *draft {
					c.Multipoint = tt.reason == packet.DropMultipoint
					return tt.draft(b, c, s)
				}, tt.reason, nil}.discard(b)
				if h := b.all(); h[len(h)-1].YourDiscr != 0 {
					b.Errorf("such packets keep T's discriminator %#x", h[len(h)-1].YourDiscr)
				}
			})
			rows.Covers(t, append(tt.rows, "5880-6.8.6-16", "5880-6.8.6-29")...)
		})
	}
}

// All of these are as good as any other packet.
func TestAuthAccepts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		method packet.AuthMethod
		edit   func(s *signer)
		rows   []string
	}{
		{"plain", meticulousSHA1, func(*signer) {}, []string{"5880-6.7-01"}},
		{"reserved byte", meticulousSHA1, func(s *signer) { s.reserved = 0xff }, []string{"5880-4.4-01"}},
		{"same number", keyedSHA1, func(s *signer) { s.held = true }, []string{"5880-6.7.4-07"}},
		{"each 9th", meticulousSHA1, func(s *signer) { s.seq += 8 }, []string{"5880-6.7.4-09", "5880-6.7.4-16", "5880-6.7.4-10"}},
		{"each 9th, keyed", keyedSHA1, func(s *signer) { s.seq += 8 }, []string{"5880-6.7.4-09", "5880-6.7.4-10"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onAuth(t, tt.method, p50, func(b *bed, s *signer) {
				probe{tt.name, func(b *bed, c packet.Control) *draft {
					tt.edit(s)
					return b.frameOf(c)
				}, 0, nil}.accept(b)
			})
			rows.Covers(t, append(tt.rows, "5880-6.8.6-16")...)
		})
	}
}

// Every packet that is accepted moves the window: one of long ago is too old.
func TestWindowMoves(t *testing.T) {
	t.Parallel()
	onAuth(t, meticulousSHA1, p50, func(b *bed, s *signer) {
		b.up()
		b.mu.Lock()
		old := s.seq
		b.mu.Unlock()
		for range 200 {
			b.once(nil)
			time.Sleep(time.Millisecond)
		}
		b.settle()
		drops := b.drops()
		b.mu.Lock()
		bad := *s
		bad.seq = old + 50
		d := b.frameOf(b.control())
		s.seq--
		d.payload = bad.sign(b.control())
		b.send(d.bytes(), nil)
		b.mu.Unlock()
		b.settle()
		if n := b.drops()[packet.DropAuthSeq] - drops[packet.DropAuthSeq]; n != 1 {
			b.Errorf("%d packets refused for their number, want 1", n)
		}
	})
	rows.Covers(t, "5880-6.7.4-12")
}

// A peer that lost its number is taken again after two Detection Times of
// silence, and not before.
func TestNumberIsForgotten(t *testing.T) {
	t.Parallel()
	onAuth(t, meticulousSHA1, ms(200, 200, 3), func(b *bed, s *signer) {
		b.up()
		b.hush()
		h := b.downAfter("silence", 600)
		last := h.at - 600*time.Millisecond
		restart := func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			s.seq += 1 << 20
			c := b.control()
			c.State, c.YourDiscr = packet.Down, 0
			b.send(b.frameOf(c).bytes(), nil)
		}
		sleepUntil(last + 900*time.Millisecond)
		was := b.drops()[packet.DropAuthSeq]
		restart()
		b.settle()
		if n := b.drops()[packet.DropAuthSeq] - was; n != 1 || b.status().State != packet.Down {
			b.Errorf("after 1.5 Detection Times: %d refused, %v", n, b.status().State)
		}
		sleepUntil(last + 1350*time.Millisecond)
		from := now()
		restart()
		b.says("after 2.2 Detection Times", from, func(h hearing) bool { return h.State == packet.Init })
	})
	rows.Covers(t, "5880-6.8.1-14")
}

// sleepUntil sleeps until an instant of the kernel's stamps.
func sleepUntil(at time.Duration) { time.Sleep(time.Until(time.Unix(0, int64(at)))) }

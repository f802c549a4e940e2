package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

const authDT = 150 * authMs // of authP50

// probe sends a session that is Up nothing but one kind of bad packet, with P
// set and with odd values in it, and wants it to be as good as silence: no
// Final, nothing of it remembered, Down after the Detection Time since the last
// valid packet, and each one counted under the one reason.
func (r *authEnd) probe(want packet.Drop, bad func() letter) {
	r.t.Helper()
	r.say()
	last, before, n := r.now, r.status(), uint64(0)
	r.port.out = nil
	for r.now < last+authDT-20*authMs {
		r.run(20 * authMs)
		l := bad()
		l.Poll, l.State, l.MyDiscr, l.DesiredMinTx = true, packet.Down, l.MyDiscr+1, 2*l.DesiredMinTx
		r.hear(l)
		n++
		if got := r.status(); got.State != packet.Up || got.Remote != before.Remote || got.LastRx != last {
			r.t.Fatalf("packet %d made the session %v, its remote side (-before +after):\n%s", n, got.State, cmp.Diff(before.Remote, got.Remote))
		}
	}
	r.run(20 * authMs)
	st := r.status()
	if at := st.Change.At - last; st.State != packet.Down || st.Diag != packet.DiagControlExpiry || at < authDT || at > authDT+authMs {
		r.t.Errorf("session is %v with diagnostic %v %d ns after the last valid packet", st.State, st.Diag, at)
	}
	var counted engine.Discards
	counted[want] = n
	if st.Discards != counted {
		r.t.Errorf("discards %v, want %d under %v", st.Discards, n, want)
	}
	if r.finals() != 0 {
		r.t.Error("answered a Poll that must be discarded")
	}
}

func TestAuthDiscards(t *testing.T) {
	other := map[packet.AuthType]packet.AuthType{
		packet.AuthSimple: packet.AuthKeyedMD5, packet.AuthKeyedMD5: packet.AuthMeticulousMD5,
		packet.AuthMeticulousMD5: packet.AuthKeyedMD5, packet.AuthKeyedSHA1: packet.AuthMeticulousSHA1,
		packet.AuthMeticulousSHA1: packet.AuthKeyedSHA1,
	}
	for _, fault := range []struct {
		name string
		want packet.Drop
		need func(packet.AuthMethod) bool // nil: all
		edit func(*letter)
	}{
		{"no section", packet.DropAuthMissing, nil, func(l *letter) { l.method = packet.AuthMethod{} }},
		{"other type", packet.DropAuthType, nil, func(l *letter) { l.method = packet.AuthMethod{Type: other[l.method.Type]} }},
		{"password", packet.DropAuthType, sequenced, func(l *letter) { l.method = packet.AuthMethod{Type: packet.AuthSimple} }},
		{"unknown type", packet.DropAuthType, nil, func(l *letter) { l.method.Type = 9 }},
		{"other key id", packet.DropAuthKeyID, nil, func(l *letter) { l.keyID++ }},
		{"Auth Len - 1", packet.DropAuthLen, nil, func(l *letter) { l.authLen = -1 }},
		{"Auth Len + 1", packet.DropAuthLen, nil, func(l *letter) { l.authLen = 1 }},
		{"section a byte short", packet.DropAuthLen, nil, func(l *letter) { l.longer = -1 }},
		{"section a byte long", packet.DropAuthLen, nil, func(l *letter) { l.longer = 1 }},
		{"replay", packet.DropAuthSeq, meticulousKind, func(l *letter) { l.seq-- }},
		{"a number before", packet.DropAuthSeq, sequenced, func(l *letter) { l.seq -= 2 }},
		{"beyond the window", packet.DropAuthSeq, sequenced, func(l *letter) { l.seq += 9 }},
		{"far ahead", packet.DropAuthSeq, sequenced, func(l *letter) { l.seq += 1 << 31 }},
		{"digest spoilt", packet.DropAuthDigest, nil, func(l *letter) { l.spoilt = true }},
		{"digest spoilt, last number of the window", packet.DropAuthDigest, sequenced, func(l *letter) { l.seq += 8; l.spoilt = true }},
		{"other secret", packet.DropAuthDigest, nil, func(l *letter) { l.secret = "secreT" }},
		{"other form of digest", packet.DropAuthDigest, sha1Kind, func(l *letter) { l.method.HMAC = !l.method.HMAC }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			for kind, m := range authKinds {
				if fault.need != nil && !fault.need(m) {
					continue
				}
				t.Run(kind, func(t *testing.T) {
					r := oneAuthEnd(t, m)
					r.up()
					r.probe(fault.want, func() letter {
						l := r.next()
						fault.edit(&l)
						return l
					})
				})
			}
		})
	}
	rows.Covers(t, "5880-6.8.6-15", "5880-6.8.6-16", "5880-6.7.2-03", "5880-6.7.2-04", "5880-6.7.2-05", "5880-6.7.2-06",
		"5880-6.7.3-05", "5880-6.7.3-06", "5880-6.7.4-02", "5880-6.7.4-04", "5880-6.7.4-05", "5880-6.7.4-06",
		"5880-6.7.4-08", "5880-6.7.4-09", "5880-6.7.4-10")
}

func sequenced(m packet.AuthMethod) bool      { return m.Type.Sequenced() }
func meticulousKind(m packet.AuthMethod) bool { return m.Type.Meticulous() }
func sha1Kind(m packet.AuthMethod) bool       { return m.Type.SHA1() }

// A session without authentication takes no signed packet, and stays without.
func TestAuthUnexpected(t *testing.T) {
	for kind, m := range authKinds {
		t.Run(kind, func(t *testing.T) {
			r := oneAuthEnd(t, packet.AuthMethod{})
			r.setKey(authKeyNumber, m, "secret")
			r.up()
			r.probe(packet.DropAuthUnexpected, func() letter {
				l := r.next()
				l.method = m
				return l
			})
			if a := r.status().Auth; a.Use.On || a.Armed {
				t.Errorf("the session authenticates: %+v", a)
			}
		})
	}
	rows.Covers(t, "5880-6.8.6-14", "5880-6.7.1-01")
}

// A packet with several faults counts under the first, in the order of the
// checks; each fault mended shows the next.
func TestAuthOrderOfChecks(t *testing.T) {
	r := oneAuthEnd(t, packet.AuthMethod{Type: packet.AuthMeticulousSHA1})
	r.up()
	l, ttl := r.next(), uint8(254)
	l.Multipoint, l.method.Type, l.keyID, l.authLen, l.seq, l.spoilt = true, packet.AuthKeyedSHA1, 77, 1, l.seq-1, true
	var want engine.Discards
	for _, c := range []struct {
		fault packet.Drop
		mend  func()
	}{
		{packet.DropMultipoint, func() { l.Multipoint = false }},
		{packet.DropTTL, func() { ttl = 255 }},
		{packet.DropAuthType, func() { l.method.Type = packet.AuthMeticulousSHA1 }},
		{packet.DropAuthKeyID, func() { l.keyID = authKeyID }},
		{packet.DropAuthLen, func() { l.authLen = 0 }},
		{packet.DropAuthSeq, func() { l.seq++ }},
		{packet.DropAuthDigest, func() { l.spoilt = false }},
	} {
		r.deliver(l.bytes(), ttl)
		r.step()
		want[c.fault]++
		if diff := cmp.Diff(want, r.w.Totals().Drops); diff != "" {
			t.Fatalf("with %v as the first fault (-want +got):\n%s", c.fault, diff)
		}
		c.mend()
	}
	rx := r.status().Counters.Rx
	r.hear(l)
	if got := r.status().Counters.Rx; got != rx+1 {
		t.Error("the packet without a fault was not accepted")
	}
	rows.Covers(t, "5880-6.7-02")
}

// All of these are as good as any other packet: a Final comes back, the session
// lives on them, and follows.
func TestAuthAccepts(t *testing.T) {
	for _, c := range []struct {
		name  string
		need  func(packet.AuthMethod) bool
		every session.Time
		edit  func(n uint32, l *letter)
	}{
		{"plain", nil, 50 * authMs, func(uint32, *letter) {}},
		{"reserved byte", sequenced, 50 * authMs, func(_ uint32, l *letter) { l.reserved = 0xff }},
		{"padding", nil, 50 * authMs, func(_ uint32, l *letter) { l.padding = 100 }},
		{"same number", func(m packet.AuthMethod) bool { return sequenced(m) && !m.Type.Meticulous() }, 10 * authMs,
			func(n uint32, l *letter) { l.seq -= n }},
		{"each 9th", sequenced, 50 * authMs, func(n uint32, l *letter) { l.seq += 8 * n }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for kind, m := range authKinds {
				if c.need != nil && !c.need(m) {
					continue
				}
				t.Run(kind, func(t *testing.T) {
					r := oneAuthEnd(t, m)
					r.up()
					for n := range uint32(100) {
						r.run(c.every)
						r.say(func(l *letter) { l.Poll = true; c.edit(n+1, l) })
						if st := r.status(); st.State != packet.Up || st.LastRx != r.now || r.finals() != 1 {
							t.Fatalf("packet %d: state %v, discards %v, or no Final", n, st.State, st.Discards)
						}
					}
					r.say(func(l *letter) { l.State = packet.Down; c.edit(101, l) })
					if st := r.status(); st.State != packet.Down || st.Diag != packet.DiagNeighborDown {
						t.Errorf("the session did not follow: %v", st.State)
					}
				})
			}
		})
	}
	rows.Covers(t, "5880-6.7-01", "5880-6.7.2-07", "5880-6.7.4-07", "5880-6.7.4-16")
}

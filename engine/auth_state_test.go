package engine_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// An attacker without the key sends the largest sequence number that passes,
// between any two good packets. It would lock the peer out if the number were
// noted before the digest is right.
func TestAuthForgedSequence(t *testing.T) {
	for kind, m := range authKinds {
		if !m.Type.Sequenced() {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			r := oneAuthEnd(t, m)
			r.up()
			forged := uint64(0)
			for range 100 {
				for range 2 {
					r.run(20 * authMs)
					l := r.next()
					l.seq += 8 // 9 after the last accepted
					l.spoilt = true
					r.hear(l)
					forged++
				}
				r.say()
			}
			st := r.status()
			if st.State != packet.Up || st.Counters.Down != 0 || st.Discards[packet.DropAuthDigest] != forged || st.Discards[packet.DropAuthSeq] != 0 {
				t.Errorf("session is %v after %+v, discards %v", st.State, st.Counters, st.Discards)
			}
		})
	}
	rows.Covers(t, "5880-6.7.3-07", "5880-6.7.4-11")
}

// A forged packet before any good one is not accepted and prescribes nothing;
// the first good one may have any number.
func TestAuthFirstPacket(t *testing.T) {
	for kind, m := range authKinds {
		for _, seq := range []uint32{0, 1, 0x80000000, 0xffffffff} {
			r := oneAuthEnd(t, m)
			r.run(10 * authMs)
			l := r.next()
			l.YourDiscr, l.seq, l.spoilt = 0, seq+1<<30, true
			r.hear(l)
			if st := r.status(); st.State != packet.Down || st.Remote.Discr != 0 || st.Discards[packet.DropAuthDigest] != 1 {
				t.Errorf("%s: a forged first packet made the session %v, discards %v", kind, st.State, st.Discards)
			}
			l.seq, l.spoilt = seq, false
			r.hear(l)
			if st := r.status(); st.State != packet.Init || st.Counters.Rx != 1 {
				t.Errorf("%s: first packet with number %#x left the session %v, discards %v", kind, seq, st.State, st.Discards)
			}
		}
	}
	rows.Covers(t, "5880-6.8.1-13", "5880-6.7.4-11")
}

// What the peer said long ago is not accepted again.
func TestAuthOldPacket(t *testing.T) {
	r := oneAuthEnd(t, packet.AuthMethod{Type: packet.AuthKeyedSHA1})
	r.up()
	var old letter
	for n := range 1000 {
		r.run(50 * authMs)
		if r.say(); n == 500 {
			old = r.peer
			old.YourDiscr = r.discr
		}
	}
	r.hear(old)
	if st := r.status(); st.State != packet.Up || st.Counters.Down != 0 || st.Discards[packet.DropAuthSeq] != 1 {
		t.Errorf("session is %v, discards %v", st.State, st.Discards)
	}
	rows.Covers(t, "5880-6.7.4-12")
}

// A peer that starts again anywhere is heard when nothing has been for two
// Detection Times, and packets that are discarded meanwhile do not count.
func TestAuthPeerRestart(t *testing.T) {
	for _, c := range []struct {
		after session.Time
		heard bool
	}{{authDT * 3 / 2, false}, {authDT * 11 / 5, true}} {
		r := oneAuthEnd(t, packet.AuthMethod{Type: packet.AuthMeticulousSHA1})
		r.up()
		r.say()
		last, want := r.now, uint64(0)
		restarted := func(l *letter) { l.seq, l.State, l.YourDiscr = l.seq+1_000_000, packet.Down, 0 }
		for r.now+20*authMs < last+c.after {
			r.run(20 * authMs)
			r.say(restarted)
			if r.now-last < 2*authDT {
				want++
				if got := r.status().Discards[packet.DropAuthSeq]; got != want {
					t.Fatalf("%d ns after the last packet: %d discarded, want %d", r.now-last, got, want)
				}
			}
		}
		r.run(last + c.after - r.now)
		r.say(restarted)
		if st := r.status(); (st.LastRx > last) != c.heard {
			t.Errorf("%d ns after the last packet: heard at %d, last packet %d, discards %v", c.after, st.LastRx, last, st.Discards)
		}
	}
	rows.Covers(t, "5880-6.8.1-14")
}

// A flap changes neither side's numbers: ours go on, and the peer's window too.
func TestAuthFlap(t *testing.T) {
	r := oneAuthEnd(t, packet.AuthMethod{Type: packet.AuthMeticulousSHA1})
	r.up()
	r.say()
	for range 10 {
		replay := r.peer
		replay.YourDiscr = r.discr
		for _, state := range []packet.State{packet.Down, packet.Init, packet.Up} {
			r.run(100 * authMs)
			r.peer.State = state
			r.say()
		}
		r.hear(replay)
	}
	st := r.status()
	if st.Counters.Down != 10 || st.Discards[packet.DropAuthSeq] != 10 {
		t.Errorf("%d flaps, discards %v", st.Counters.Down, st.Discards)
	}
	wantConsecutive(t, r.sent())
	rows.Covers(t, "5880-6.8.1-15")
}

// A digest that would be right in the other form is told of, until the next good
// packet or change; one that is wrong in both is not.
func TestAuthHint(t *testing.T) {
	for kind, m := range authKinds {
		if !m.Type.SHA1() {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			r := oneAuthEnd(t, m)
			r.up()
			hint := func(what string, want bool) {
				t.Helper()
				if got := r.status().Auth.OtherDigest; got != want {
					t.Errorf("after %s: other digest %v, want %v", what, got, want)
				}
			}
			hint("good packets", false)
			r.say(func(l *letter) { l.spoilt = true })
			r.say(func(l *letter) { l.secret = "SECRET" })
			r.say(func(l *letter) { l.method.HMAC, l.spoilt = !m.HMAC, true })
			hint("wrong digests", false)
			r.say(func(l *letter) { l.method.HMAC = !m.HMAC })
			hint("the other digest", true)
			if d := r.status().Discards[packet.DropAuthDigest]; d != 4 {
				t.Errorf("%d packets counted", d)
			}
			r.say()
			hint("a good packet", false)
			r.say(func(l *letter) { l.method.HMAC = !m.HMAC })
			r.must(r.e.SetAuth(r.discr, engine.Auth{On: true, Key: authKeyNumber, KeyID: 9}, false))
			r.step()
			hint("a change", false)
		})
	}
}

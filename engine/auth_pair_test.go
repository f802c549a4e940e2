package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// authPair is two ends that hear each other over a link that loses frames.
type authPair struct {
	a, b *authEnd
	rng  *rand.Rand
	loss float64
}

func newAuthPair(t testing.TB, m packet.AuthMethod, loss float64, mult uint8) *authPair {
	t.Helper()
	p := &authPair{
		a:   newAuthEnd(t, 11, m, "192.0.2.1", "192.0.2.2"),
		b:   newAuthEnd(t, 12, m, "192.0.2.2", "192.0.2.1"),
		rng: rand.New(rand.NewPCG(5, uint64(mult))), loss: loss,
	}
	params := authP50
	params.DetectMult = mult
	for _, r := range []*authEnd{p.a, p.b} {
		r.must(r.e.Configure(r.discr, params))
		r.setKey(1, packet.AuthMethod{Type: packet.AuthMeticulousSHA1}, "k1")
		r.setKey(2, packet.AuthMethod{Type: packet.AuthMeticulousSHA1}, "k2")
		r.setKey(3, packet.AuthMethod{Type: packet.AuthKeyedMD5}, "k3")
		r.setKey(4, packet.AuthMethod{Type: packet.AuthSimple}, "k4")
		r.setKey(5, packet.AuthMethod{Type: packet.AuthMeticulousSHA1, HMAC: true}, "k4")
		r.setKey(6, packet.AuthMethod{Type: packet.AuthMeticulousSHA1, HMAC: true}, "k4")
	}
	return p
}

// carry moves what each end has sent to the other.
func (p *authPair) carry() (moved bool) {
	for _, way := range [][2]*authEnd{{p.a, p.b}, {p.b, p.a}} {
		from, to := way[0], way[1]
		for _, frame := range from.port.out {
			rx := engine.Rx{Arrival: to.now}
			packet.ParseEthernet(frame, &rx.Datagram)
			if p.rng.Float64() >= p.loss {
				to.port.in = append(to.port.in, rx)
				moved = true
			}
		}
		from.port.out = nil
	}
	return moved
}

func (p *authPair) run(d session.Time) {
	end := p.a.now + d
	for {
		next := min(p.a.step(), p.b.step())
		if p.carry() {
			continue
		}
		if next > end {
			break
		}
		p.a.now, p.b.now = next, next
	}
	p.a.now, p.b.now = end, end
}

// wantUp wants both ends Up since they came up first, with authentication a and
// nothing armed.
func (p *authPair) wantUp(what string, a engine.Auth) {
	p.a.t.Helper()
	for name, r := range map[string]*authEnd{"a": p.a, "b": p.b} {
		st := r.status()
		if st.State != packet.Up || st.Counters.Down != 0 || st.Auth.Use != a || st.Auth.Armed {
			r.t.Errorf("%s: end %s is %v after %d failures, authentication %+v, discards %v",
				what, name, st.State, st.Counters.Down, st.Auth, st.Discards)
		}
	}
}

func TestAuthPairComesUp(t *testing.T) {
	for kind, m := range authKinds {
		t.Run(kind, func(t *testing.T) {
			p := newAuthPair(t, m, 0.1, 10)
			p.run(60 * authSec)
			p.wantUp("after a minute", engine.Auth{On: true, Key: authKeyNumber, KeyID: authKeyID})
			for _, r := range []*authEnd{p.a, p.b} {
				if st := r.status(); st.Discards != (engine.Discards{}) || st.Counters.Rx < 900 {
					t.Errorf("discards %v of %d", st.Discards, st.Counters.Rx)
				}
			}
		})
	}
	rows.Covers(t, "5880-6.7-01", "5880-6.7.4-16")
}

func TestAuthPairMismatch(t *testing.T) {
	p := newAuthPair(t, authKinds["sha1"], 0, 3)
	p.a.must(p.a.e.SetAuth(p.a.discr, engine.Auth{On: true, Key: 1, KeyID: authKeyID}, false))
	p.run(60 * authSec)
	for _, r := range []*authEnd{p.a, p.b} {
		if st := r.status(); st.State != packet.Down || st.Counters.Rx != 0 || st.Discards[packet.DropAuthDigest] < 50 {
			t.Errorf("session is %v after %d packets, discards %v", st.State, st.Counters.Rx, st.Discards)
		}
	}
}

// One end is told of a change delayed, the other one some time later at once:
// neither loses the session, whatever changes and whoever is first, and then
// the old key can be deleted at both.
func TestAuthPairChanges(t *testing.T) {
	for _, c := range []struct {
		loss float64
		mult uint8
	}{{0, 3}, {0.1, 10}} {
		t.Run(fmt.Sprintf("loss %v", c.loss), func(t *testing.T) {
			p := newAuthPair(t, packet.AuthMethod{}, c.loss, c.mult)
			p.run(10 * authSec)
			was := engine.Auth{}
			// On, another key, another type, a password, an HMAC, another key with
			// the same secret, off; twice, so that each end is first once.
			for step, key := range []uint32{1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 0} {
				first, second := p.a, p.b
				if step%2 != step/7%2 {
					first, second = p.b, p.a
				}
				to := engine.Auth{}
				if key != 0 {
					to = engine.Auth{On: true, Key: key, KeyID: 1}
				}
				first.must(first.e.SetAuth(first.discr, to, true))
				p.run(session.Time(p.rng.Int64N(int64(authSec))))
				second.must(second.e.SetAuth(second.discr, to, false))
				p.run(2 * authSec)
				p.wantUp(fmt.Sprintf("step %d, key %d to %d", step, was.Key, key), to)
				for _, r := range []*authEnd{p.a, p.b} {
					r.settle()
					if was.On {
						m, secret := methodOf(t, r, was.Key)
						r.must(r.e.DeleteKey(was.Key))
						r.setKey(was.Key, m, secret)
					}
				}
				was = to
			}
		})
	}
	rows.Covers(t, "5880-6.7.1-03")
}

// methodOf is how a key of newAuthPair is made again.
func methodOf(t testing.TB, r *authEnd, key uint32) (packet.AuthMethod, string) {
	t.Helper()
	for _, k := range r.e.Keys() {
		if k.ID == key {
			return k.Method, "k" + string('0'+rune(min(key, 4)))
		}
	}
	t.Fatalf("no key %d", key)
	return packet.AuthMethod{}, ""
}

// Once the peer has switched, what it used before is refused, until the
// operator asks for another change; and an end that waits goes on waiting when
// its peer waits too.
func TestAuthPairSwitchesOnce(t *testing.T) {
	p := newAuthPair(t, packet.AuthMethod{}, 0, 3)
	p.run(10 * authSec)
	key := engine.Auth{On: true, Key: 1, KeyID: 1}
	p.a.must(p.a.e.SetAuth(p.a.discr, key, true))
	p.b.must(p.b.e.SetAuth(p.b.discr, key, true))
	p.run(10 * authSec)
	for _, r := range []*authEnd{p.a, p.b} {
		if st := r.status(); st.State != packet.Up || st.Auth.Use.On || !st.Auth.Armed {
			t.Fatalf("both wait: session is %v, %+v", st.State, st.Auth)
		}
	}
	p.b.must(p.b.e.SetAuth(p.b.discr, key, false))
	p.run(authSec)
	p.wantUp("one has begun", key)
	p.b.must(p.b.e.SetAuth(p.b.discr, engine.Auth{}, false))
	p.run(authSec)
	if st := p.a.status(); st.State == packet.Up || st.Auth.Use != key || st.Auth.Armed || st.Discards[packet.DropAuthMissing] == 0 {
		t.Errorf("a peer that switched back: session is %v, %+v, discards %v", st.State, st.Auth, st.Discards)
	}
	rows.Covers(t, "5880-6.7.1-01", "5880-6.7.1-02")
}

package engine_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

var sha1Method = packet.AuthMethod{Type: packet.AuthMeticulousSHA1}

// with is what a session asks for that uses a key of the pool.
func with(key uint32) engine.Auth { return engine.Auth{On: true, Key: key, KeyID: uint8(key)} }

// uses returns how many sessions use each key of the pool, after the worker and
// whoever takes its events have done what they had to.
func (r *authEnd) uses() map[uint32]int {
	r.settle()
	m := make(map[uint32]int)
	for _, k := range r.e.Keys() {
		m[k.ID] = k.Uses
	}
	return m
}

// settle steps and takes all events; it returns whether one told of a switch.
func (r *authEnd) settle() (switched bool) {
	for range 3 {
		r.step()
		for _, ev := range r.e.TakeEvents(nil) {
			switched = switched || ev.AuthSwitched
		}
	}
	return switched
}

func (r *authEnd) wantUses(what string, want map[uint32]int) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.uses()); diff != "" {
		r.t.Errorf("%s: uses of keys (-want +got):\n%s", what, diff)
	}
	for id, n := range want {
		held := n > 0
		if err := r.e.DeleteKey(id); errors.Is(err, engine.ErrKeyInUse) != held || (err == nil) == held {
			r.t.Errorf("%s: delete key %d with %d uses: %v", what, id, n, err)
		}
		if err := r.e.SetKey(id, sha1Method, packet.NewSecret([]byte(keySecret(uint8(id))))); errors.Is(err, engine.ErrKeyInUse) != held || (err == nil) == held {
			r.t.Errorf("%s: change key %d with %d uses: %v", what, id, n, err)
		}
	}
}

// keyedEnd has keys 1 to 3 and a session that uses
// key 1 and is Up.
func keyedEnd(t testing.TB) *authEnd {
	t.Helper()
	r := oneAuthEnd(t, packet.AuthMethod{})
	for key := range uint8(3) {
		r.setKey(uint32(key)+1, sha1Method, keySecret(key+1))
	}
	r.must(r.e.SetAuth(r.discr, with(1), false))
	r.step()
	r.turn(1)
	r.up()
	r.settle()
	return r
}

// turn has the peer use a key from now on.
func (r *authEnd) turn(key uint8) {
	r.peer.method, r.peer.keyID, r.peer.secret = sha1Method, key, keySecret(key)
}

func keySecret(key uint8) string { return "k" + string('0'+rune(key)) }

func TestKeyUses(t *testing.T) {
	r := keyedEnd(t)
	r.wantUses("one session", map[uint32]int{1: 1, 2: 0, 3: 0})
	second, third := r.add(with(1)), r.add(with(1))
	r.wantUses("a shared key", map[uint32]int{1: 3, 2: 0, 3: 0})
	r.must(r.e.SetAuth(second, with(3), false))
	r.must(r.e.SetAuth(third, engine.Auth{}, false))
	r.wantUses("immediate change, and off", map[uint32]int{1: 1, 2: 0, 3: 1})
	r.must(r.e.SetAuth(second, engine.Auth{On: true, Key: 3, KeyID: 99}, false))
	r.wantUses("same key, other key id", map[uint32]int{1: 1, 2: 0, 3: 1})
	r.must(r.e.Remove(second, 0))
	r.must(r.e.Remove(third, -1))
	r.wantUses("removed", map[uint32]int{1: 1, 2: 0, 3: 0})
	r.must(r.e.Remove(r.discr, int64(authSec)))
	r.wantUses("saying AdminDown", map[uint32]int{1: 1, 2: 0, 3: 0})
	r.run(2 * authSec)
	r.wantUses("gone", map[uint32]int{1: 0, 2: 0, 3: 0})
}

// Of a delayed change both keys are in use until the peer has switched.
func TestKeyUsesOfDelayedChange(t *testing.T) {
	r := keyedEnd(t)
	r.must(r.e.SetAuth(r.discr, with(2), true))
	r.wantUses("armed", map[uint32]int{1: 1, 2: 1, 3: 0})
	r.must(r.e.SetAuth(r.discr, with(3), true))
	r.wantUses("armed anew", map[uint32]int{1: 1, 2: 0, 3: 1})
	want := engine.AuthStatus{Use: with(1), Method: sha1Method, Next: with(3), Armed: true}
	if diff := cmp.Diff(want, r.status().Auth); diff != "" {
		t.Errorf("armed (-want +got):\n%s", diff)
	}
	r.talk(authSec, 50*authMs)
	r.turn(3)
	r.port.out = nil
	r.say()
	if !r.settle() {
		t.Error("no event told of the switch")
	}
	r.wantUses("switched", map[uint32]int{1: 0, 2: 0, 3: 1})
	if diff := cmp.Diff(engine.AuthStatus{Use: with(3), Method: sha1Method}, r.status().Auth); diff != "" {
		t.Errorf("switched (-want +got):\n%s", diff)
	}
	if s := r.sent(); len(s) != 1 || s[0].KeyID != 3 {
		t.Errorf("sent at the switch: %+v, want one packet with the new key", s)
	}
	r.must(r.e.SetAuth(r.discr, engine.Auth{}, true))
	r.wantUses("armed to none", map[uint32]int{1: 0, 2: 0, 3: 1})
	r.peer.method = packet.AuthMethod{}
	r.say()
	r.wantUses("without", map[uint32]int{1: 0, 2: 0, 3: 0})
	r.must(r.e.SetAuth(r.discr, with(2), true))
	r.must(r.e.SetAuth(r.discr, engine.Auth{}, true))
	r.wantUses("armed and disarmed", map[uint32]int{1: 0, 2: 0, 3: 0})
	if st := r.status(); st.State != packet.Up || st.Counters.Down != 0 {
		t.Errorf("session is %v after %+v", st.State, st.Counters)
	}
	rows.Covers(t, "5880-6.7.1-03")
}

// Nothing is given back that the worker may yet use, when the event of a switch
// meets a newer command, in any order.
func TestKeyUsesRace(t *testing.T) {
	for name, c := range map[string]struct {
		script func(r *authEnd)
		want   map[uint32]int
	}{
		"a change before the switch was taken": {func(r *authEnd) {
			r.say() // switched to 2
			r.must(r.e.SetAuth(r.discr, with(3), true))
			r.e.TakeEvents(nil) // of the switch: older than the change
			for _, k := range r.e.Keys() {
				if k.Uses != 1 {
					r.t.Errorf("key %d has %d uses before the worker has spoken", k.ID, k.Uses)
				}
			}
		}, map[uint32]int{1: 0, 2: 1, 3: 1}},
		"a change just before the peer switches": {func(r *authEnd) {
			r.must(r.e.SetAuth(r.discr, with(3), true))
			r.say() // the worker arms 3 first: no switch to 2
		}, map[uint32]int{1: 1, 2: 0, 3: 1}},
		"back to the old key before the switch was taken": {func(r *authEnd) {
			r.say()
			r.must(r.e.SetAuth(r.discr, with(1), false))
			r.e.TakeEvents(nil)
		}, map[uint32]int{1: 1, 2: 0, 3: 0}},
		"removed before the switch was taken": {func(r *authEnd) {
			r.say()
			r.must(r.e.Remove(r.discr, -1))
		}, map[uint32]int{1: 0, 2: 0, 3: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			r := keyedEnd(t)
			r.must(r.e.SetAuth(r.discr, with(2), true))
			r.settle()
			r.turn(2)
			c.script(r)
			r.wantUses(name, c.want)
		})
	}
}

func TestKeyPool(t *testing.T) {
	r := oneAuthEnd(t, packet.AuthMethod{})
	rng := rand.New(rand.NewPCG(8, 9))
	secret := func(id uint32, round int) string { return "secret" + string(rune('a'+id)) + string(rune('a'+round)) }
	ids := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 1 << 20, 1<<32 - 1}
	for round := range 20 {
		rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for i, id := range ids {
			r.setKey(id, sha1Method, secret(uint32(i), round))
		}
		if n := len(r.e.Keys()); n != len(ids) {
			t.Fatalf("%d keys, want %d", n, len(ids))
		}
		for i, id := range ids { // each number still means its own secret
			r.must(r.e.SetAuth(r.discr, engine.Auth{On: true, Key: id, KeyID: 1}, false))
			r.port.out = nil
			r.run(2 * authSec)
			s := r.sent()
			if want := letterDigest(s[0].bfd, sha1Method, secret(uint32(i), round)); !slices.Equal(s[0].bfd[32:], want) {
				t.Fatalf("round %d: key %d signs with another's secret", round, id)
			}
		}
		r.must(r.e.SetAuth(r.discr, engine.Auth{}, false))
		r.settle()
		rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, id := range ids[:1+rng.IntN(len(ids))] {
			r.must(r.e.DeleteKey(id))
		}
	}
}

func TestKeyRefused(t *testing.T) {
	r := keyedEnd(t)
	for name, err := range map[string]error{
		"session":   r.e.SetAuth(r.discr, with(44), false),
		"delayed":   r.e.SetAuth(r.discr, with(44), true),
		"delete":    r.e.DeleteKey(44),
		"a session": addErr(r.e, with(44)),
	} {
		if !errors.Is(err, engine.ErrKeyUnknown) {
			t.Errorf("%s with an unknown key: %v", name, err)
		}
	}
	if err := r.e.SetAuth(r.discr+1, with(2), false); !errors.Is(err, engine.ErrUnknown) {
		t.Errorf("unknown session: %v", err)
	}
	r.wantUses("after refusals", map[uint32]int{1: 1, 2: 0, 3: 0})
	for name, c := range map[string]struct {
		method packet.AuthMethod
		n      int
		ok     bool
	}{
		"empty":              {sha1Method, 0, false},
		"password of 1":      {packet.AuthMethod{Type: packet.AuthSimple}, 1, true},
		"password of 16":     {packet.AuthMethod{Type: packet.AuthSimple}, 16, true},
		"password of 17":     {packet.AuthMethod{Type: packet.AuthSimple}, 17, false},
		"MD5 key of 16":      {packet.AuthMethod{Type: packet.AuthKeyedMD5}, 16, true},
		"MD5 key of 17":      {packet.AuthMethod{Type: packet.AuthMeticulousMD5}, 17, false},
		"SHA1 key of 20":     {sha1Method, 20, true},
		"no type":            {packet.AuthMethod{}, 5, false},
		"unknown type":       {packet.AuthMethod{Type: 6}, 5, false},
		"HMAC of MD5":        {packet.AuthMethod{Type: packet.AuthKeyedMD5, HMAC: true}, 5, false},
		"HMAC of a password": {packet.AuthMethod{Type: packet.AuthSimple, HMAC: true}, 5, false},
		"HMAC of SHA1":       {packet.AuthMethod{Type: packet.AuthKeyedSHA1, HMAC: true}, 5, true},
	} {
		if err := r.e.SetKey(9, c.method, packet.NewSecret(make([]byte, c.n))); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	rows.Covers(t, "5880-6.7.2-02", "5880-6.7.3-04")
}

func addErr(e *engine.Engine, a engine.Auth) error {
	_, err := e.Add(engine.Spec{Params: authP50, Auth: a})
	return err
}

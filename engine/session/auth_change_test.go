package session_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// wantAuth wants an authentication in use and, unless it is the same, another
// armed.
func (r *rig) wantAuth(what string, use, next session.Auth) {
	r.t.Helper()
	gotUse, gotNext, armed := r.s.Auth()
	if gotUse != use || armed != (next != use) || armed && gotNext != next {
		r.t.Errorf("%s: %+v in use, %+v armed (%v); want %+v, %+v", what, gotUse, gotNext, armed, use, next)
	}
}

// A delayed change waits for the peer, whatever it changes, and happens once.
func TestDelayedChange(t *testing.T) {
	for name, c := range map[string]struct{ from, to session.Auth }{
		"on": {none, meticulous}, "off": {meticulous, none}, "key": {meticulous, otherKey},
		"type": {keyed, meticulous}, "to a password": {meticulous, password}, "from a password": {password, keyed},
	} {
		t.Run(name, func(t *testing.T) {
			r := authRig(t, c.from)
			r.prove(100, false)
			r.clear()
			r.wantAuth("before", c.from, c.from)
			if out := r.auth(c.to, true); out != 0 {
				t.Errorf("arming has the outcome %b", out)
			}
			r.wantAuth("armed", c.from, c.to)
			for i := range uint32(50) { // the peer still uses the old one
				r.now += session.Time(40 * ms)
				r.prove(101+i, false)
			}
			r.wantAuth("waiting", c.from, c.to)
			if out := r.prove(151, true); out&session.Content == 0 || out&session.Send == 0 {
				t.Errorf("the switch has the outcome %b, want new content sent at once", out)
			}
			r.wantAuth("switched", c.to, c.to)
			r.prove(152, false)
			r.wantAuth("after", c.to, c.to)
			if len(r.moves) != 0 {
				t.Errorf("the change disturbed the session: %+v", r.moves)
			}
			if c.from.Type.Sequenced() && c.to.Type.Sequenced() && (r.accepts(151) || !r.accepts(153)) {
				t.Error("the sequence window did not outlive the change")
			}
		})
	}
	rows.Covers(t, "5880-6.7.1-02")
}

// Between keys the window stays, so that nothing recorded under the new key in
// former times switches over.
func TestDelayedChangeKeepsWindow(t *testing.T) {
	r := authRig(t, meticulous)
	r.prove(100, false)
	r.auth(otherKey, true)
	if r.accepts(100) || r.accepts(50) || !r.accepts(101) {
		t.Error("arming forgot the peer's sequence number")
	}
}

func TestDelayedChangeReplaced(t *testing.T) {
	r := authRig(t, meticulous)
	r.auth(otherKey, true)
	r.auth(password, true)
	r.wantAuth("armed anew", meticulous, password)
	r.auth(meticulous, true)
	r.wantAuth("back to what is in use", meticulous, meticulous)
	r.auth(otherKey, true)
	r.auth(meticulous, false)
	r.wantAuth("disarmed at once", meticulous, meticulous)
	r.auth(otherKey, true)
	r.auth(none, false)
	r.wantAuth("off at once", none, none)
}

// An immediate change is in force at once, is sent at once, and knows nothing
// of the peer's numbers.
func TestImmediateChange(t *testing.T) {
	r := authRig(t, meticulous)
	r.prove(100, false)
	r.clear()
	seq := r.s.XmitSeq(false)
	if out := r.auth(meticulous, false); out != 0 {
		t.Errorf("no change has the outcome %b", out)
	}
	if r.accepts(100) {
		t.Error("no change forgot the peer's sequence number")
	}
	if out := r.auth(otherKey, false); out&session.Content == 0 || out&session.Send == 0 {
		t.Errorf("outcome %b, want new content sent at once", out)
	}
	r.wantAuth("changed", otherKey, otherKey)
	if !r.accepts(5) {
		t.Error("the number of the peer's first packet with the new key is prescribed")
	}
	if r.s.XmitSeq(false) != seq+1 || r.s.State() != packet.Up || len(r.moves) != 0 {
		t.Error("the change disturbed our own sequence number or the state")
	}
}

// Without a sequence number every number is accepted, and none is remembered.
func TestUnsequenced(t *testing.T) {
	for _, a := range []session.Auth{none, password} {
		r := authRig(t, a)
		for _, seq := range []uint32{0, 7, 7, 3, 0xffffffff} {
			if !r.accepts(seq) {
				t.Errorf("type %d: %d rejected", a.Type, seq)
			}
			r.prove(seq, false)
		}
		r.auth(meticulous, true)
		if !r.s.SeqAccepted(r.now, meticulous.Type, 12345, 3) {
			t.Errorf("type %d: a number was remembered", a.Type)
		}
	}
}

func TestAuthAllocatesNothing(t *testing.T) {
	r := authRig(t, meticulous)
	seq := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		r.accepts(seq)
		r.s.Proven(r.now, false, seq, r.rng)
		r.s.XmitSeq(false)
		r.s.SetAuth(r.now, otherKey, true, r.rng)
		r.s.Proven(r.now, true, seq, r.rng)
		r.s.SetAuth(r.now, meticulous, false, r.rng)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

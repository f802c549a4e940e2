package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

var (
	keyed      = session.Auth{Type: packet.AuthKeyedSHA1, KeyID: 1, Key: 1}
	meticulous = session.Auth{Type: packet.AuthMeticulousSHA1, KeyID: 1, Key: 1}
	otherKey   = session.Auth{Type: packet.AuthMeticulousSHA1, KeyID: 2, Key: 2}
	password   = session.Auth{Type: packet.AuthSimple, KeyID: 1, Key: 3}
	none       = session.Auth{}
)

// authRig is a session that is Up at 50 ms, multiplier 3, with an
// authentication, and has heard nothing under it yet.
func authRig(t testing.TB, a session.Auth) *rig {
	t.Helper()
	r := upRig(t, 50*ms, 3)
	r.silence()
	r.auth(a, false)
	return r
}

func (r *rig) auth(a session.Auth, delayed bool) session.Outcome {
	out := r.s.SetAuth(r.now, a, delayed, r.rng)
	r.note(out)
	return out
}

// accepts reports whether a packet of the tester with a sequence number may be
// proven.
func (r *rig) accepts(seq uint32) bool {
	use, _, _ := r.s.Auth()
	return r.s.SeqAccepted(r.now, use.Type, seq, r.tester.DetectMult)
}

// prove delivers a packet of the tester whose digest was right.
func (r *rig) prove(seq uint32, switched bool) session.Outcome {
	out := r.s.Proven(r.now, switched, seq, r.rng)
	r.note(out)
	r.hear(r.tester)
	return out
}

func TestSequenceWindow(t *testing.T) {
	for _, a := range []session.Auth{
		keyed, meticulous, {Type: packet.AuthKeyedMD5}, {Type: packet.AuthMeticulousMD5},
	} {
		for _, last := range []uint32{0, 5, 1 << 31, 1<<31 - 4, 0xfffffff0, 0xfffffffe, 0xffffffff} {
			for _, mult := range []uint8{1, 3, 255} {
				r := authRig(t, a)
				r.tester.DetectMult = mult
				r.prove(last, false)
				for ahead, want := range map[uint32]bool{
					0:                   !a.Type.Meticulous(),
					1:                   true,
					3*uint32(mult) - 1:  true,
					3 * uint32(mult):    true,
					3*uint32(mult) + 1:  false,
					1<<31 - 1:           false,
					1 << 31:             false,
					^uint32(0):          false, // the one before
					-(3 * uint32(mult)): false,
				} {
					if got := r.accepts(last + ahead); got != want {
						t.Errorf("type %d, last %#x, multiplier %d: %#x accepted: %v, want %v", a.Type, last, mult, last+ahead, got, want)
					}
				}
			}
		}
	}
	rows.Covers(t, "5880-6.7.3-06", "5880-6.7.4-07", "5880-6.7.4-08", "5880-6.7.4-09", "5880-6.7.4-10")
}

// The window is as wide as the multiplier in the packet that asks, not as the
// one in the packets before it or our own.
func TestWindowOfThePacketItself(t *testing.T) {
	r := authRig(t, meticulous)
	r.prove(100, false)
	for mult, far := range map[uint8]uint32{1: 103, 3: 109, 10: 130} {
		if !r.s.SeqAccepted(r.now, meticulous.Type, far, mult) || r.s.SeqAccepted(r.now, meticulous.Type, far+1, mult) {
			t.Errorf("multiplier %d: %d is not the last number in the window", mult, far)
		}
	}
}

// The window moves with every accepted packet.
func TestWindowMoves(t *testing.T) {
	r := authRig(t, meticulous)
	seq := uint32(0xfffffe00) // it wraps
	for i := range uint32(1000) {
		r.now += session.Time(40 * ms)
		if seq += 1 + i%9; !r.accepts(seq) {
			t.Fatalf("packet %d: %#x rejected", i, seq)
		}
		r.prove(seq, false)
	}
	if r.accepts(seq-500) || r.accepts(seq) || !r.accepts(seq+1) {
		t.Errorf("after 1000 packets up to %#x the window is elsewhere", seq)
	}
	rows.Covers(t, "5880-6.7.4-12")
}

// Asking leaves no trace, whatever the answer: only Proven does.
func TestSequenceIsWrittenAfterProof(t *testing.T) {
	r := authRig(t, meticulous)
	before := r.s
	if !r.accepts(77) || !r.accepts(0xfffffff0) || r.s != before {
		t.Error("a session that knows no sequence number yet remembers one it was only asked about")
	}
	r.prove(1000, false)
	before = r.s
	for _, seq := range []uint32{1009, 1001, 1000, 5} {
		r.accepts(seq)
	}
	if r.s != before {
		t.Error("a session remembers a sequence number it was only asked about")
	}
	rows.Covers(t, "5880-6.8.1-13", "5880-6.7.3-07")
}

// The peer's number is forgotten after two Detection Times in which nothing was
// accepted, not before, and whether or not the session went Down in between.
func TestSequenceForgotten(t *testing.T) {
	const dt = 150 * ms
	for _, a := range []session.Auth{keyed, meticulous} {
		r := authRig(t, a)
		r.prove(1000, false)
		last := r.now
		for after, want := range map[int64]bool{
			0: false, dt: false, 3 * dt / 2: false, 2*dt - 1: false, 2 * dt: true, 11 * dt / 5: true, 1000 * dt: true,
		} {
			c := r.clone(t)
			together(last+session.Time(after), c)
			if got := c.accepts(900); got != want {
				t.Errorf("type %d, %s after the last packet, state %v: accepted %v, want %v", a.Type, span(after), c.s.State(), got, want)
			}
		}
		// The first packet after that starts a new window.
		together(last+session.Time(3*dt), r)
		r.prove(900, false)
		if r.accepts(899) || !r.accepts(901) || r.accepts(1000) {
			t.Errorf("type %d: no window after the return of the peer", a.Type)
		}
	}
	rows.Covers(t, "5880-6.8.1-14")
}

// A packet that was late on its way is judged by when it arrived.
func TestSequenceForgottenByArrival(t *testing.T) {
	r := authRig(t, meticulous)
	r.prove(1000, false)
	early := r.now + session.Time(299*ms)
	r.wait(sec)
	if r.s.SeqAccepted(early, meticulous.Type, 1000, 3) {
		t.Error("a packet that arrived before two Detection Times had passed was judged as if it came now")
	}
	if r.s.SeqAccepted(r.s.LastRx()-session.Time(ms), meticulous.Type, 1000, 3) {
		t.Error("a packet that arrived before the last accepted one was judged as if it came after two Detection Times")
	}
}

func TestXmitSeq(t *testing.T) {
	r := authRig(t, meticulous)
	seq := r.s.XmitSeq(false)
	for i := range uint32(1000) {
		if got := r.s.XmitSeq(i%7 == 0); got != seq+i+1 {
			t.Fatalf("meticulous packet %d has %#x after %#x", i, got, seq+i)
		}
	}
	r.auth(keyed, false)
	seq = r.s.XmitSeq(true)
	for i := range 100 {
		if got := r.s.XmitSeq(false); got != seq {
			t.Fatalf("keyed packet %d with nothing new has %#x after %#x", i, got, seq)
		}
	}
	if got := r.s.XmitSeq(true); got != seq+1 {
		t.Errorf("keyed packet with something new has %#x after %#x", got, seq)
	}
	rows.Covers(t, "5880-6.7.4-14")
}

// The number of the first packet is anywhere, and no two sessions agree.
func TestFirstXmitSeq(t *testing.T) {
	rng := rand.NewPCG(3, 4)
	var part [16]int
	seen := make(map[uint32]bool)
	const n = 1600
	for range n {
		s := session.New(params(50*ms, 3), localDiscr, 0, rng)
		s.StartAuth(meticulous)
		seq := s.XmitSeq(true)
		seen[seq] = true
		part[seq>>28]++
	}
	for i, got := range part {
		if got < n/32 || got > n/8 {
			t.Errorf("%d of %d first numbers in part %d of 16", got, n, i)
		}
	}
	if len(seen) != n || seen[0] || seen[1] {
		t.Errorf("%d different numbers of %d", len(seen), n)
	}
	rows.Covers(t, "5880-6.8.1-12")
}

// A flap touches neither sequence number.
func TestFlapKeepsSequence(t *testing.T) {
	r := authRig(t, meticulous)
	seq, sent := uint32(50), r.s.XmitSeq(true)
	r.prove(seq, false)
	for range 10 {
		for _, st := range []packet.State{packet.Down, packet.Init, packet.Up} {
			r.tester.State, r.tester.YourDiscr = st, localDiscr
			seq++
			if !r.accepts(seq) || r.accepts(seq-1) || r.accepts(seq+9) {
				t.Fatalf("window is not after %d", seq-1)
			}
			r.prove(seq, false)
			if sent++; r.s.XmitSeq(true) != sent {
				t.Fatalf("our own number did not rise by 1 to %#x", sent)
			}
		}
	}
	if len(r.moves) < 20 {
		t.Errorf("only %d changes of state", len(r.moves))
	}
	if diff := cmp.Diff(testerDiscr, int(r.s.Remote().Discr)); diff != "" {
		t.Error(diff)
	}
	rows.Covers(t, "5880-6.8.1-15")
}

package bpf

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/packet"
)

// lane is that of discr in a laneRig.
const lane = 2

// laneRig is a rig whose session discr has a lane, and the twin of its lanes in
// Go, which must decide all alike.
type laneRig struct {
	rig
	lanes, twin *fastpath.Lanes
}

func newLaneRig(t testing.TB) laneRig {
	t.Helper()
	r := newRig(t, true)
	must(t, r.tables.AddDiscr(discr, lane))
	l := laneRig{r, r.tables.Lanes(), fastpath.New(lane + 1)}
	l.each(func(l *fastpath.Lanes) { l.Beat(monotonic(t)) })
	return l
}

func (r laneRig) each(do func(*fastpath.Lanes)) {
	do(r.lanes)
	do(r.twin)
}

// expect makes frame the one that is heard, as if it had just come from the ring.
func (r laneRig) expect(t testing.TB, frame []byte) {
	t.Helper()
	now := monotonic(t)
	r.each(func(l *fastpath.Lanes) {
		if !l.Expect(lane, frame, ownerOf(frame), now) {
			t.Fatalf("frame %x cannot be expected", frame)
		}
	})
}

// insure makes frame the reply from gate on.
func (r laneRig) insure(t testing.TB, gate, gap int64, frame []byte) {
	t.Helper()
	r.each(func(l *fastpath.Lanes) {
		if !l.Insure(lane, gate, gap, frame, 0) {
			t.Fatalf("frame %x cannot be a reply", frame)
		}
	})
}

// take gives a frame to the program and to the twin, which must agree.
func (r laneRig) take(t testing.TB, frame []byte) (action uint32, verdict string, out []byte) {
	t.Helper()
	action, verdict, out = r.run(t, frame)
	heard, reply := r.twin.Take(lane, frame, ownerOf(frame), monotonic(t))
	isHeard := verdict == "heard" || verdict == "insured" || verdict == "pass_to_tc"
	if heard != isHeard || (reply != nil) != (isHeard && verdict != "heard") {
		t.Errorf("frame %x: verdict %q, the twin says heard %v, reply %x", frame, verdict, heard, reply)
	}
	if verdict == "insured" && !cmp.Equal(reply, out[:min(len(out), len(reply))]) {
		t.Errorf("the program answers %x and the twin %x", out, reply)
	}
	return action, verdict, out
}

// ownerOf says whose a frame is in a rig.
func ownerOf(frame []byte) int32 {
	if len(frame) < 18 || binary.BigEndian.Uint16(frame[12:]) != 0x8100 {
		return loopback
	}
	switch binary.BigEndian.Uint16(frame[14:]) & 0xfff {
	case 0:
		return loopback
	case vlanID:
		return vlanIf
	}
	return Nobody
}

// heardFrames are what peers repeat.
func heardFrames() map[string]*frame {
	return map[string]*frame{
		"v4":          v4().your(discr),
		"v6":          v6().your(discr),
		"v4 multihop": newMultihop(farPeer4, farLocal4).your(discr),
		"v6 multihop": newMultihop(farPeer6, farLocal6).your(discr).hops(floor),
	}
}

// The frame that is expected is noted and goes no further.
func TestProgramHears(t *testing.T) {
	for name, f := range heardFrames() {
		t.Run(name, func(t *testing.T) {
			b := newLaneRig(t)
			frame := f.bytes(t)
			if _, verdict, _ := b.take(t, frame); verdict != "steered" {
				t.Fatalf("nothing is expected: verdict %q", verdict)
			}
			b.expect(t, frame)
			start := b.lanes.Last(lane)
			var longest int64
			for n, wait := range []time.Duration{0, 3 * time.Millisecond, 0} {
				time.Sleep(wait)
				last, before := b.lanes.Last(lane), monotonic(t)
				action, verdict, _ := b.take(t, frame)
				if action != drop || verdict != "heard" {
					t.Fatalf("action %d, verdict %q", action, verdict)
				}
				if at := b.lanes.Last(lane); at < before || at > monotonic(t) {
					t.Errorf("frame of %d was heard at %d", before, at)
				}
				longest = max(longest, b.lanes.Last(lane)-last)
				if got := b.lanes.Count(lane); got != uint64(n+1) {
					t.Errorf("heard %d, want %d", got, n+1)
				}
			}
			if got := b.lanes.Gap(lane); got != longest || got < int64(3*time.Millisecond) {
				t.Errorf("longest gap %d, want %d", got, longest)
			}
			b.each(func(l *fastpath.Lanes) { l.Refuse(lane) })
			if _, verdict, _ := b.take(t, frame); verdict != "steered" {
				t.Errorf("nothing is expected any more: verdict %q", verdict)
			}
			b.each(func(l *fastpath.Lanes) { l.Reset(lane) })
			if got := [...]int64{b.lanes.Last(lane), int64(b.lanes.Count(lane)), b.lanes.Gap(lane)}; got != [3]int64{} {
				t.Errorf("a lane made ready has %v", got)
			}
			if start == 0 {
				t.Error("the packet from the ring was not noted")
			}
		})
	}
}

// A frame that differs in any byte is not the one expected; but for those that
// change on the way, and those that are not the packet's.
func TestProgramHearsNothingElse(t *testing.T) {
	for name, f := range heardFrames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLaneRig(t)
			frame := f.bytes(t)
			b.expect(t, frame)
			for i := range frame {
				free := f.src.Is4() && (i == 18 || i == 19 || i == 24 || i == 25)
				for _, bits := range []byte{0x01, 0x80, 0xff} {
					mutant := append([]byte(nil), frame...)
					mutant[i] ^= bits
					if _, verdict, _ := b.take(t, mutant); (verdict == "heard") != free {
						t.Errorf("byte %d ^ %#x: verdict %q", i, bits, verdict)
					}
				}
			}
			for n := 14; n < len(frame); n++ {
				if _, verdict, _ := b.take(t, frame[:n]); verdict == "heard" {
					t.Errorf("cut to %d bytes it was heard", n)
				}
			}
			if _, verdict, _ := b.take(t, append(frame[:len(frame):len(frame)], 1, 2, 3)); verdict != "heard" {
				t.Errorf("with a trailer: verdict %q", verdict)
			}
			if count := b.lanes.Count(lane); count != b.twin.Count(lane) {
				t.Errorf("heard %d, the twin %d", count, b.twin.Count(lane))
			}
		})
	}
}

// What is heard depends on the interface and on the lane of the discriminator.
func TestProgramHearsLanes(t *testing.T) {
	b := newLaneRig(t)
	frame := v4().your(discr).bytes(t)
	for _, tt := range []struct {
		name    string
		ifindex int32
		lane    int
		verdict string
	}{
		{"its own", loopback, lane, "heard"},
		{"another interface", loopback + 1, lane, "steered"},
		{"another lane", loopback, lane + 1, "steered"},
		{"no lane", loopback, NoLane, "steered"},
		{"a lane that there is not", loopback, 16, "steered"},
		{"the last lane", loopback, 15, "steered"},
	} {
		must(t, b.tables.AddDiscr(discr, tt.lane))
		b.lanes.Expect(lane, frame, tt.ifindex, 1)
		if _, verdict, _ := b.run(t, frame); verdict != tt.verdict {
			t.Errorf("%s: verdict %q, want %q", tt.name, verdict, tt.verdict)
		}
	}
	must(t, b.tables.AddDiscr(discr, 15))
	b.lanes.Expect(15, frame, loopback, 1)
	if _, verdict, _ := b.run(t, frame); verdict != "heard" {
		t.Errorf("the last lane: verdict %q", verdict)
	}
	must(t, b.tables.DelDiscr(discr))
	if _, verdict, _ := b.run(t, frame); verdict != "steered" {
		t.Errorf("a discriminator of no session: verdict %q", verdict)
	}
}

// What cannot be expected is refused, and nothing is expected then.
func TestExpectRefuses(t *testing.T) {
	b := newLaneRig(t)
	for _, tt := range frames() {
		frame := tt.frame.with(func(f *frame) {
			if len(f.payload) >= packet.ControlLen {
				f.your(discr)
			}
		}).bytes(t)
		b.lanes.Refuse(lane)
		can := b.lanes.Expect(lane, frame, ownerOf(frame), 1)
		_, verdict, _ := b.run(t, frame)
		if verdict == "heard" && !can {
			t.Errorf("%s: heard although it cannot be expected", tt.name)
		}
		if tt.verdict == "steered" && len(tt.frame.payload) == packet.ControlLen && (!can || verdict != "heard") {
			t.Errorf("%s: expected %v, verdict %q", tt.name, can, verdict)
		}
	}
}

// FuzzHears has the program and its twin judge any frame.
func FuzzHears(f *testing.F) {
	b := newLaneRig(f)
	var expected [][]byte
	for _, h := range heardFrames() {
		frame := h.bytes(f)
		expected = append(expected, frame)
		f.Add(frame, uint8(len(expected)-1))
		f.Add(append(frame[:len(frame):len(frame)], 0), uint8(len(expected)-1))
		tagged := h.on(6).bytes(f)
		expected = append(expected, tagged)
		f.Add(tagged, uint8(len(expected)-1))
		f.Add(frame, uint8(len(expected)-1))
	}
	f.Fuzz(func(t *testing.T, frame []byte, which uint8) {
		if len(frame) < 14 || len(frame) > 1500 {
			t.Skip("no frame")
		}
		b.expect(t, expected[int(which)%len(expected)])
		b.take(t, frame)
	})
}

package session_test

import (
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
)

// TestEchoGaps: never faster than the interval allows, less a jitter of up to
// 25 %, and never slower.
func TestEchoGaps(t *testing.T) {
	for _, interval := range []int64{3300 * us, 20 * ms, 100 * ms, sec, (1<<32 - 1) * us} {
		for _, mult := range []uint8{1, 3, 255} {
			r := newEchoRig(t, interval, mult)
			first := r.now
			r.wait(200 * interval)
			if r.failed != session.Never || len(r.out) < 200 || r.out[0].sent != first {
				t.Fatalf("%s, multiplier %d: %d packets in 200 intervals, the first after %d ns, failed at %d",
					span(interval), mult, len(r.out), r.out[0].sent-first, r.failed)
			}
			hi := interval
			if mult == 1 {
				hi = interval / 10 * 9
			}
			distinct := make(map[int64]bool)
			for _, g := range r.gaps() {
				distinct[g] = true
				if g < interval/4*3 || g > hi {
					t.Fatalf("%s, multiplier %d: a gap of %s", span(interval), mult, span(g))
				}
			}
			if len(distinct) < 3 {
				t.Errorf("%s, multiplier %d: %d different gaps", span(interval), mult, len(distinct))
			}
		}
	}
	rows.Covers(t, "5880-6.8.9-03")
}

// TestEchoLoss: a path that loses everything from some packet on is noticed a
// Detection Time after the last one came back, to the nanosecond.
func TestEchoLoss(t *testing.T) {
	for _, interval := range []int64{3300 * us, 50 * ms, sec} {
		for _, mult := range []uint8{1, 2, 3, 255} {
			t.Run(fmt.Sprintf("%s times %d", span(interval), mult), func(t *testing.T) {
				r := provenEcho(t, interval, mult)
				r.lose(1 << 30)
				r.wait(2 * r.rtt)
				last := r.e.LastReturn()
				dt := session.Time(int64(mult) * interval)
				if r.e.DetectionTime() != int64(dt) {
					t.Errorf("Detection Time %s, want %s", span(r.e.DetectionTime()), span(int64(dt)))
				}
				r.until(last + dt + session.Time(sec))
				if r.failed != last+dt {
					t.Errorf("failed %d ns after the last return, want %d", r.failed-last, dt)
				}
				if n := len(r.out); r.e.Running() || n < int(mult) {
					t.Errorf("running %v, %d packets lost before", r.e.Running(), n)
				}
			})
		}
	}
	rows.Covers(t, "5880-6.8.5-01", "5880-6.8.8-01")
}

// TestEchoBearsLoss: one less than the multiplier may be lost in a row, again and
// again, whatever the jitter makes of the gaps.
func TestEchoBearsLoss(t *testing.T) {
	for _, mult := range []uint8{1, 2, 3, 5, 200, 255} {
		r := provenEcho(t, 20*ms, mult)
		for range 200 {
			r.lose(int(mult) - 1)
			r.wait(int64(mult) * 20 * ms)
		}
		if r.failed != session.Never {
			t.Errorf("multiplier %d: failed with %d lost in a row", mult, mult-1)
		}
	}
	rows.Covers(t, "5880-6.8.5-01")
}

// TestEchoGrace: until the first one has come back there is nothing to miss, and
// then a long way is none either.
func TestEchoGrace(t *testing.T) {
	r := newEchoRig(t, 20*ms, 1)
	r.lose(1 << 30)
	r.wait(60 * sec)
	if r.failed != session.Never || r.e.Proven() || r.e.Deadline() > r.now+session.Time(20*ms) {
		t.Errorf("nothing ever came back: failed at %d, proven %v", r.failed, r.e.Proven())
	}
	for _, c := range []struct {
		rtt  int64
		mult uint8
	}{{20 * ms, 3}, {59 * ms, 3}, {19 * ms, 1}, {4000 * ms, 255}} {
		r := newEchoRig(t, 20*ms, c.mult)
		r.rtt = c.rtt
		r.wait(20 * sec)
		if r.failed != session.Never || !r.e.Proven() {
			t.Errorf("round trip of %s, multiplier %d: failed at %d, proven %v", span(c.rtt), c.mult, r.failed, r.e.Proven())
		}
	}
	rows.Covers(t, "5880-6.8.8-02", "5881-2-03")
}

// TestEchoLate: what we were too late to send proves nothing, whoever else was
// standing still; a real failure is still found when as long has been sent.
func TestEchoLate(t *testing.T) {
	for _, c := range []struct {
		name       string
		mult       uint8
		lose       int
		stall, rtt int64
	}{
		{"multiplier 1, a little late", 1, 0, 8 * ms, ms},
		{"multiplier 1, very late", 1, 0, 400 * ms, 5 * ms},
		{"nothing lost, long way", 3, 0, 400 * ms, 30 * ms},
		{"one lost, then late", 3, 1, 400 * ms, 30 * ms},
		{"two lost, then late", 3, 2, 40 * ms, 10 * ms},
		{"two lost, then very late", 3, 2, 60 * sec, 40 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 50 {
				r := provenEcho(t, 50*ms, c.mult)
				r.rtt = c.rtt
				r.wait(sec)
				r.out = nil
				r.lose(c.lose)
				for len(r.out) < c.lose {
					r.wait(ms)
				}
				r.wait(c.rtt)
				r.now = r.e.Deadline() + session.Time(c.stall) // called this late
				r.step()
				r.wait(sec)
				if r.failed != session.Never {
					t.Fatalf("failed %s after the last return", span(int64(r.failed-r.e.LastReturn())))
				}
				r.lose(1 << 30)
				r.wait(c.rtt)
				r.now = r.e.Deadline() + session.Time(c.stall)
				r.step()
				r.wait(int64(c.mult)*50*ms + 50*ms)
				if r.failed == session.Never {
					t.Fatal("a dead path is not found after a stall")
				}
			}
		})
	}
	// Called later and later, but called: what fails, fails.
	r := provenEcho(t, 50*ms, 3)
	r.lose(1 << 30)
	for i := 0; r.failed == session.Never; i++ {
		if i > 20 {
			t.Fatal("with every call late a dead path is never found")
		}
		r.now = r.e.Deadline() + session.Time(sec)
		r.step()
	}
	rows.Covers(t, "5880-6.8.5-01")
}

// TestEchoRetimed: another interval or multiplier disturbs nothing, and what the
// peer allows counts from the next packet on.
func TestEchoRetimed(t *testing.T) {
	for _, c := range []struct {
		from, to       int64
		mult, thenMult uint8
	}{
		{sec, 20 * ms, 3, 3}, {20 * ms, sec, 3, 3}, {sec, 3300 * us, 1, 1}, {50 * ms, 50 * ms, 255, 1}, {50 * ms, 50 * ms, 1, 255},
	} {
		r := newEchoRig(t, c.from, c.mult)
		if r.rtt = min(c.from, c.to) / 2; c.mult == 255 {
			r.rtt = ms
		}
		r.wait(7*c.from + c.from/3)
		if c.mult == 255 {
			r.lose(3)
			for n := len(r.out); len(r.out) < n+3; {
				r.wait(ms)
			}
		}
		r.run(c.to, c.thenMult)
		r.wait(20 * c.to)
		r.out = nil
		r.wait(50 * c.to)
		if r.failed != session.Never || r.e.Interval() != micros(c.to) || len(r.out) < 49 {
			t.Errorf("%s times %d to %s times %d: failed at %d, %d packets in 50 intervals",
				span(c.from), c.mult, span(c.to), c.thenMult, r.failed, len(r.out))
		}
		for _, g := range r.gaps() {
			if g < c.to/4*3 || g > c.to {
				t.Fatalf("%s to %s: a gap of %s", span(c.from), span(c.to), span(g))
			}
		}
		r.lose(1 << 30)
		r.wait(r.rtt + int64(c.thenMult)*c.to + c.to)
		if r.failed == session.Never {
			t.Errorf("%s to %s: loss is not found any more", span(c.from), span(c.to))
		}
	}
	rows.Covers(t, "5880-6.8.9-05", "5880-6.8.13-01")
}

package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// steadyGaps are n gaps of a session in steady state whose peer talks at its
// own pace.
func steadyGaps(t *testing.T, interval int64, mult uint8, n int) (*rig, []int64) {
	t.Helper()
	r := upRig(t, interval, mult)
	r.silence()
	r.tester.DetectMult = 255
	r.say(packet.Up)
	r.talk(5 * interval)
	for len(r.sent) <= n {
		r.step()
	}
	r.wantState("steady", packet.Up)
	return r, r.gaps()
}

// TestJitterOnFinerGrids: whatever the grid, and when it changes, a gap stays in
// its window.
func TestJitterOnFinerGrids(t *testing.T) {
	for _, mult := range []uint8{3, 1} {
		r := upRig(t, 10*ms, mult)
		r.silence()
		r.tester.DetectMult = 255
		r.say(packet.Up)
		r.talk(50 * ms)
		for n := range 3000 {
			r.s.SetGrid(session.Grid(n / 10 % 7))
			r.step()
		}
		r.wantGaps("grids", 10*ms, 1000)
	}
}

// moments are the mean and the lag-1 autocorrelation of a series.
func moments(series []int64) (mean, correlation float64) {
	for _, v := range series {
		mean += float64(v) / float64(len(series))
	}
	var variance, product float64
	for i, v := range series {
		d := float64(v) - mean
		variance += d * d
		if i > 0 {
			product += d * (float64(series[i-1]) - mean)
		}
	}
	return mean, product / variance
}

// TestJitter: every gap is cut by a random 0 to 25 %, or 10 to 25 % with a
// multiplier of 1 (RFC 5880 §6.8.7), at every common interval (RFC 7419 §3) and
// at some between. Short of 80 ms the grid that sends are rounded to, at most a
// sixteenth of the interval, leaves fewer distinct values, never fewer than four.
func TestJitter(t *testing.T) {
	for _, interval := range []int64{3300 * us, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 300 * ms, 1000 * ms, 10_000 * ms, 100 * us, 77_777 * us} {
		for _, mult := range []uint8{3, 1} {
			r, g := steadyGaps(t, interval, mult, 4000)
			r.wantGaps(span(interval), interval, 4000)
			if got := r.last(); got.DesiredMinTx != micros(interval) || got.RequiredMinRx != micros(interval) {
				t.Errorf("%s: advertised %d and %d µs", span(interval), got.DesiredMinTx, got.RequiredMinRx)
			}
			want, width := 0.875, 0.25
			if mult == 1 {
				want, width = 0.825, 0.15
			}
			mean, correlation := moments(g)
			if m := mean / float64(interval); m < want*0.98 || m > want*1.02 {
				t.Errorf("%s, multiplier %d: mean gap %.4f of the interval, want %.3f ± 2 %%", span(interval), mult, m, want)
			}
			if correlation > 0.1 || correlation < -0.1 {
				t.Errorf("%s, multiplier %d: lag-1 autocorrelation %.3f", span(interval), mult, correlation)
			}
			bins := map[int64]int{}
			for _, d := range g {
				bins[d*100/interval]++
			}
			least := int(20 * width) // 5, or 3 with a multiplier of 1
			if interval >= 100*ms {
				least = int(80 * width) // 20 of the 25 bins, or 12 of the 15
			}
			if len(bins) < least {
				t.Errorf("%s, multiplier %d: gaps in %d bins of 1 %%, want at least %d", span(interval), mult, len(bins), least)
			}
			for bin, n := range bins {
				if interval >= 100*ms && n > len(g)/8 {
					t.Errorf("%s: %d of %d gaps at %d %%", span(interval), n, len(g), bin)
				}
			}
		}
	}
	rows.Covers(t, "5880-6.8.7-18", "5880-6.8.7-19", "5880-6.8.7-20", "7419-3-01")
}

// TestRoundingStaysInTheWindow: late wake-ups move a send off the grid; the next
// one must still be within the window of the send that was.
func TestRoundingStaysInTheWindow(t *testing.T) {
	for _, mult := range []uint8{1, 3} {
		for _, interval := range []int64{us, 3300 * us, 50 * ms, 300 * ms} {
			r := newRig(t, params(interval, mult))
			r.tester.DetectMult = 255
			r.say(packet.Down)
			r.say(packet.Up)
			r.sayFinal()
			late := rand.New(rand.NewPCG(3, uint64(interval)))
			hi := interval
			if mult == 1 {
				hi = interval / 10 * 9
			}
			for range 2000 {
				sent := r.now
				r.say(packet.Up)
				if d := int64(r.s.Deadline() - sent); d < interval/4*3 || d > hi {
					t.Fatalf("%s, multiplier %d: due %s after a send at %d", span(interval), mult, span(d), sent)
				}
				r.now = r.s.Deadline() + session.Time(late.Int64N(interval))
				r.note(r.s.Expire(r.now, true, r.rng))
			}
		}
	}
	rows.Covers(t, "5880-6.8.7-18", "5880-6.8.7-20")
}

// TestSessionsDoNotMarch: a thousand sessions that begin in the same instant
// are spread soon.
func TestSessionsDoNotMarch(t *testing.T) {
	rng := rand.NewPCG(1, 2)
	bins := map[session.Time]int{}
	total := 0
	for range 1000 {
		r := newRig(t, params(100*ms, 3))
		r.rng = rng
		r.s = session.New(r.s.Params(), localDiscr, 0, rng)
		r.tester.DetectMult = 255
		r.say(packet.Down)
		r.say(packet.Up)
		r.wait(5 * sec)
		r.clear()
		r.wait(100 * ms)
		for _, f := range r.sent {
			bins[f.at/session.Time(ms)]++
			total++
		}
	}
	for bin, n := range bins {
		if n*20 > total {
			t.Errorf("%d of %d packets in millisecond %d", n, total, bin)
		}
	}
	if total < 1000 {
		t.Errorf("%d packets in 100 ms, want one of each session at least", total)
	}
	rows.Covers(t, "5880-6.8.7-21")
}

// TestFloods: what arrives neither delays what leaves nor makes it more. Jitter
// drawn anew on each arrival would pull the mean gap to 75 %.
func TestFloods(t *testing.T) {
	for _, c := range []struct {
		name  string
		every int64
		alter func(r *rig, i int)
		row   string
	}{
		{"10,000 valid packets a second", 100 * us, func(*rig, int) {}, "5880-6.8.7-31"},
		{"1,000 Polls a second", ms, func(r *rig, _ int) { r.tester.Poll = true }, "5880-6.8.7-26"},
		{"Required Min RX there and back", ms, func(r *rig, i int) { r.tester.RequiredMinRx = []uint32{1, 100_000}[i%2] }, "5880-6.8.7-30"},
		{"Detect Mult and Desired Min TX there and back", ms, func(r *rig, i int) {
			r.tester.DetectMult, r.tester.DesiredMinTx = uint8(3+i%2), uint32(100_000*(1+i%2))
		}, "5880-6.8.7-30"},
		{"unasked Finals", ms, func(r *rig, i int) { r.tester.Final = i%2 == 0 }, "5880-6.8.7-31"},
		{"every diagnostic", ms, func(r *rig, i int) { r.tester.Diag = packet.Diag(i % 32) }, "5880-6.8.7-31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := upRig(t, 100*ms, 3)
			r.silence()
			arrived := 0
			for r.now < session.Time(60*sec) {
				c.alter(r, arrived)
				r.hear(r.tester)
				arrived++
				r.wait(c.every)
			}
			r.wantState(c.name, packet.Up)
			r.wantGaps(c.name, 100*ms, 500)
			g := r.gaps()
			if mean, _ := moments(g); mean < 0.98*87.5*float64(ms) || mean > 1.02*87.5*float64(ms) {
				t.Errorf("mean gap %s, want 87.5 ms ± 2 %%", span(int64(mean)))
			}
			if n, want := len(r.finals()), map[bool]int{true: arrived}[r.tester.Poll]; n != want {
				t.Errorf("%d Finals, want %d", n, want)
			}
			if n := len(r.sent) - len(r.finals()) - len(g); n != 1 {
				t.Errorf("%d packets outside the schedule", n-1)
			}
			rows.Covers(t, c.row)
		})
	}
	rows.Covers(t, "5880-6.8.7-04")
}

// TestNoCatchUp: after a stall one packet goes out, and the next one keeps its
// distance.
func TestNoCatchUp(t *testing.T) {
	for _, stall := range []int64{150 * ms, 2 * sec, 3600 * sec} {
		r := upRig(t, 100*ms, 3)
		r.now += session.Time(stall)
		resumed := r.now
		r.say(packet.Up)
		r.wait(0)
		if len(r.sent) != 1 || r.sent[0].at != resumed {
			t.Errorf("stalled %s: %d packets at once, want one", span(stall), len(r.sent))
		}
		r.events = nil // what the tester would have said meanwhile
		r.talk(100 * ms)
		r.wait(10 * sec)
		r.wantGaps("from then on", 100*ms, 95)
		r.wantState("all along", packet.Up)
	}
	rows.Covers(t, "5880-6.8.7-32")
}

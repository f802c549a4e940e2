package sim

import (
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// vector is a pair of configurations, and what the first of them makes of it.
type vector struct {
	name   string
	d, t   session.Params
	lo, hi float64 // gaps of D's packets, ms; 0: none
	detect float64 // D's Detection Time, ms
}

// The negotiation vectors, each from both sides: V1 to V12 of the table, with D
// as R1 and then as R2.
var vectors = []vector{
	{"V1", ms(50, 50, 3), ms(50, 50, 3), 37.5, 50, 150},
	{"V2 R1", ms(50, 50, 3), ms(50, 150, 3), 112.5, 150, 150},
	{"V2 as printed, R1", ms(50, 150, 3), ms(50, 150, 3), 112.5, 150, 450},
	{"V3 R1", ms(50, 200, 3), ms(500, 150, 3), 112.5, 150, 1500},
	{"V3 R2", ms(500, 150, 3), ms(50, 200, 3), 375, 500, 450},
	{"V4 R1", ms(100, 100, 5), ms(100, 100, 2), 75, 100, 200},
	{"V4 R2", ms(100, 100, 2), ms(100, 100, 5), 75, 100, 500},
	{"V5 R1", ms(100, 100, 1), ms(100, 100, 3), 75, 90, 300},
	{"V5 R2", ms(100, 100, 3), ms(100, 100, 1), 75, 100, 100},
	{"V6 R1", ms(100, 100, 3), ms(100, 0, 3), 0, 0, 300},
	{"V6 R2", ms(100, 0, 3), ms(100, 100, 3), 75, 100, 300},
	{"V7", ms(3.3, 3.3, 3), ms(3.3, 3.3, 3), 2.475, 3.3, 9.9},
	{"V8 R1", ms(10, 10, 3), ms(1000, 1000, 3), 750, 1000, 3000},
	{"V8 R2", ms(1000, 1000, 3), ms(10, 10, 3), 750, 1000, 3000},
	{"V10 R1", ms(10_000, 10_000, 255), ms(10, 10, 3), 7500, 10_000, 30_000},
	{"V10 R2", ms(10, 10, 3), ms(10_000, 10_000, 255), 7500, 10_000, 2_550_000},
	{"V12 R1", ms(50, 0.001, 3), ms(50, 50, 3), 37.5, 50, 150},
	{"V12 R2", ms(50, 50, 3), ms(50, 0.001, 3), 37.5, 50, 150},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			b := newBed(t, v.d)
			b.say.DesiredMinTx, b.say.RequiredMinRx, b.say.DetectMult = v.t.DesiredMinTx, v.t.RequiredMinRx, v.t.DetectMult
			if v.hi == 0 {
				b.say.RequiredMinRx = v.t.DesiredMinTx // until Up, so that D's Poll can end
			}
			b.up()
			if v.hi == 0 {
				b.say.RequiredMinRx = 0
				b.world.Run(session.Time(v.t.DesiredMinTx) * Microsecond)
				if n := len(b.during(5 * Second)); n != 0 {
					t.Errorf("%d packets, T wants none", n)
				}
			} else {
				b.gaps("D sends", periodic(b.during(session.Time(20*v.hi*1e6))), 18, v.lo, v.hi)
			}
			if st := b.status(); st.DetectionTime != int64(v.detect*1e6) {
				t.Errorf("the API says a Detection Time of %d ns, want %v ms", st.DetectionTime, v.detect)
			}
			b.talk(0)
			b.answer = false
			b.downAfter("T falls silent", v.detect)
			rows.Covers(t, "5880-6.8.4-01", "5880-6.8.4-03", "5880-6.8.2-01", "5880-FSM-14", "7419-3-01")
		})
	}
	rows.Covers(t, "7419-3-02")
}

// V9: the longest Detection Time there is, 12.7 days, and nothing wraps.
func TestLongestDetectionTime(t *testing.T) {
	const longest = 1<<32 - 1
	b := newBed(t, session.Params{DesiredMinTx: longest, RequiredMinRx: longest, DetectMult: 255})
	b.answer = false
	b.world.Run(Second)
	b.once(func(c *packet.Control) {})
	b.world.Run(slack)
	b.once(func(c *packet.Control) { c.State, c.Final = packet.Up, true })
	b.world.Run(slack)
	const want = 1_095_216_660_225_000
	if st := b.status(); st.DetectionTime != want || st.TxInterval != longest {
		t.Errorf("detects in %d ns, sends each %d µs", st.DetectionTime, st.TxInterval)
	}
	b.world.Run(60 * Second)
	b.stands("a minute of it", packet.Up, 0)
	b.downAfter("all of it", float64(want)/1e6)
	gaps := periodic(b.heard)
	b.gaps("72 minutes", gaps[len(gaps)-100:len(gaps)-1], 90, 3_221_225.471, 4_294_967.295)
	rows.Covers(t, "5880-6.8.3-15")
}

// V11: not Up.
func TestSlowRateVector(t *testing.T) {
	b := newBed(t, p50)
	b.say.DesiredMinTx = 1_000_000
	b.bring(packet.Init)
	b.gaps("Init", periodic(b.during(2900*Millisecond)), 2, 750, 1000)
	b.downAfter("Init", 3000)
	rows.Covers(t, "5880-6.8.3-05", "5880-FSM-13", "7419-A-01")
}

// Never early: a peer that just makes it in time is kept, for long.
func TestJustInTime(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.talk(150 * Millisecond * 95 / 100)
	b.world.Run(200 * 150 * Millisecond)
	b.stands("0.95 Detection Times apart", packet.Up, 0)

	b = newBed(t, ms(100, 100, 3))
	b.say.DetectMult = 1
	b.up()
	b.talk(90 * Millisecond)
	b.world.Run(600 * Second)
	b.stands("multiplier 1, 0.90 intervals apart", packet.Up, 0)
	if n := b.status().Counters.Down; n != 0 {
		t.Errorf("went down %d times", n)
	}
	rows.Covers(t, "5880-6.8.4-04", "5880-6.8.4-10")
}

// Detection counts what T says, not how often it says it, and neither D's own
// interval nor its multiplier.
func TestWhatDetectionCounts(t *testing.T) {
	b := newBed(t, ms(20, 50, 9))
	b.say.DesiredMinTx, b.say.DetectMult = 1_000_000, 3
	b.up()
	b.talk(50 * Millisecond)
	b.world.Run(Second)
	b.talk(0)
	b.answer = false
	b.downAfter("T says 1 s and sends each 50 ms", 3000)
	rows.Covers(t, "5880-6.8.4-02", "5880-6.8.4-01")
}

// A stall longer than the Detection Time, with T's packets waiting in the ring.
func TestStallWithPacketsWaiting(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	b.d.Stall(400 * Millisecond)
	b.world.Run(2 * Second)
	b.stands("after a stall", packet.Up, 0)
	if n := b.status().Counters.Down; n != 0 {
		t.Errorf("went down %d times", n)
	}
	// T stops during the stall: what waits is too old by then.
	b.d.Stall(400 * Millisecond)
	b.world.Run(100 * Millisecond)
	b.hush()
	b.world.Run(300*Millisecond + stallSettle + handoffRetry + slack)
	b.stands("T stopped during the stall", packet.Down, packet.DiagControlExpiry)
	rows.Covers(t, "5880-6.8.4-05")
}

// At speed, too: on time to the tick, trial after trial. What a host adds to that
// is for a test on the host to say.
func TestDetectionAtSpeed(t *testing.T) {
	for _, tt := range []struct {
		ms, detect float64
	}{{10, 30}, {3.3, 9.9}} {
		late := 0
		for trial := range 200 {
			b := newBed(t, ms(tt.ms, tt.ms, 3))
			b.world.Run(session.Time(trial) * 37 * Microsecond)
			b.up()
			b.world.Run(session.Time(trial) * 53 * Microsecond)
			b.talk(0)
			b.answer = false
			last := b.lastAt
			b.world.Run(session.Time(tt.detect*1e6) + slack)
			if st := b.status(); st.State != packet.Down || st.Change.At < last+session.Time(tt.detect*1e6) {
				late++
			}
		}
		if late > 0 {
			t.Errorf("%v ms: %d of 200 not Down within %d ns of %v ms", tt.ms, late, slack, tt.detect)
		}
	}
	rows.Covers(t, "5880-6.8.4-09")
}

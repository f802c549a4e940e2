package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// peerUp is Up with own transmit interval tx against a peer whose intervals are
// given; all packets of the peer's are plain, with neither P nor F.
func peerUp(t *testing.T, tx, peerTx, peerRx int64) *rig {
	t.Helper()
	r := newRig(t, session.Params{DesiredMinTx: micros(tx), RequiredMinRx: 100_000, DetectMult: 3})
	r.tester.DesiredMinTx, r.tester.RequiredMinRx = micros(peerTx), micros(peerRx)
	r.up(100 * ms)
	r.answer = false
	return r
}

// TestPeerLowersMinRx (P5): the new interval counts from the previous packet,
// and if it has passed the next one is due now.
func TestPeerLowersMinRx(t *testing.T) {
	for _, since := range []int64{30 * ms, 80 * ms, 500 * ms} {
		r := peerUp(t, 50*ms, 100*ms, 1000*ms)
		for n := len(r.sent); len(r.sent) == n; {
			r.step()
		}
		sent := r.last().at
		r.clear()
		r.wait(since)
		if len(r.sent) != 0 {
			t.Fatalf("sent %s after the last packet, interval 1 s", span(int64(r.sent[0].at-sent)))
		}
		r.tester.RequiredMinRx = 100_000
		r.say(packet.Up)
		heard := r.now
		r.wait(100 * ms)
		if len(r.sent) == 0 {
			t.Errorf("lowered after %s: nothing sent within the new interval", span(since))
			continue
		}
		if at := r.sent[0].at; at > max(heard, sent+session.Time(100*ms)) || at < sent+session.Time(75*ms) {
			t.Errorf("lowered after %s: next packet %s after the previous, want 75 to 100 ms, or now", span(since), span(int64(at-sent)))
		}
		r.wait(5 * sec)
		r.wantGaps("afterwards", 100*ms, 50)
		r.wantState("all along", packet.Up)
	}
	rows.Covers(t, "5880-6.8.3-08", "5880-6.8.6-20", "5880-6.8.6-23", "5880-6.8.7-22")
}

// TestPeerRaisesMinRx (P6): obeyed at once.
func TestPeerRaisesMinRx(t *testing.T) {
	r := peerUp(t, 50*ms, 100*ms, 100*ms)
	r.tester.RequiredMinRx = 400_000
	r.say(packet.Up)
	r.clear()
	r.wait(20 * sec)
	r.wantGaps("raised", 400*ms, 45)
	r.wantState("raised", packet.Up)
	rows.Covers(t, "5880-6.8.3-09", "5880-6.8.6-20", "5880-6.8.7-22")
}

// TestPeerWantsSilence (P7): with Required Min RX 0 nothing goes out by the
// schedule; Polls are answered, a change is told once.
func TestPeerWantsSilence(t *testing.T) {
	r := peerUp(t, 50*ms, 100*ms, 100*ms)
	r.tester.RequiredMinRx = 0
	r.say(packet.Up)
	r.clear()
	r.wait(10 * sec)
	if len(r.sent) != 0 || r.s.TxInterval() != 0 {
		t.Errorf("silence asked for: %d packets, interval %d", len(r.sent), r.s.TxInterval())
	}
	for range 20 {
		r.wait(33 * ms)
		r.sayPoll()
	}
	if len(r.sent) != 20 || len(r.finals()) != 20 {
		t.Errorf("20 Polls: %d packets, %d Finals", len(r.sent), len(r.finals()))
	}
	r.clear()
	p := r.s.Params()
	p.DesiredMinTx = 80_000
	r.configure(p)
	r.wait(10 * sec)
	if len(r.sent) != 1 || !r.sent[0].extra {
		t.Errorf("own change: sent %+v, want one packet and no periodic Poll", r.sent)
	}
	r.tester.RequiredMinRx = 100_000
	r.say(packet.Up)
	r.sent = nil
	r.wait(100 * ms)
	if len(r.sent) == 0 || !r.sent[0].Poll {
		t.Errorf("asked for packets again: sent %+v within an interval, want the Poll going on", r.sent)
	}
	r.wait(sec)
	r.wantGaps("again", 100*ms, 10)
	r.wantState("all along", packet.Up)
	rows.Covers(t, "5880-6.8.7-23", "5880-6.8.7-25", "5880-6.8.6-20")
}

// TestPeerChangesDetection: a plain packet moves the Detection Time from then on
// (P8, P9), both ways, and our own packets with it nothing.
func TestPeerChangesDetection(t *testing.T) {
	for _, c := range []struct {
		name   string
		mult   uint8
		tx     int64
		want   int64
		covers []string
	}{
		{"P8 multiplier 3 to 10", 10, 100 * ms, 1000 * ms, []string{"5880-6.8.12-01", "5880-6.8.6-24"}},
		{"multiplier 3 to 1", 1, 100 * ms, 100 * ms, []string{"5880-6.8.12-01", "5880-6.8.6-24"}},
		{"P9 tx 100 to 1000", 3, 1000 * ms, 3000 * ms, []string{"5880-6.8.3-10", "5880-6.8.4-02"}},
		{"tx 1000 to 150", 3, 150 * ms, 450 * ms, []string{"5880-6.8.3-10"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := 100 * ms
			if c.tx == 150*ms {
				was = 1000 * ms
			}
			r := peerUp(t, 50*ms, was, 100*ms)
			r.tester.DetectMult, r.tester.DesiredMinTx = c.mult, micros(c.tx)
			r.silence()
			r.clear()
			r.say(packet.Up)
			if len(r.sent) != 0 || r.s.Polling() {
				t.Errorf("the peer's change made us send %+v, polling %v", r.sent, r.s.Polling())
			}
			r.wantDown(c.name, c.want)
			rows.Covers(t, c.covers...)
		})
	}
}

// TestOwnMultiplier: told at once, without a Poll.
func TestOwnMultiplier(t *testing.T) {
	r := peerUp(t, 100*ms, 100*ms, 100*ms)
	for _, mult := range []uint8{10, 1, 255, 3} {
		p := r.s.Params()
		p.DetectMult = mult
		r.wait(sec)
		r.clear()
		r.configure(p)
		if f := r.last(); f.at != r.now || f.DetectMult != mult || f.Poll || r.s.Polling() {
			t.Errorf("multiplier %d: sent %+v, polling %v", mult, f, r.s.Polling())
		}
		r.wait(5 * sec)
		r.wantGaps("afterwards", 100*ms, 45)
		r.wantState("afterwards", packet.Up)
	}
	if out := r.configure(r.s.Params()); out != 0 {
		t.Errorf("configuring the same again: outcome %b, want nothing", out)
	}
	rows.Covers(t, "5880-6.8.12-01", "5880-6.8.7-09", "5880-6.8.7-20")
}

// TestAnyInterval: every value at any time, advertised as it is and timed.
func TestAnyInterval(t *testing.T) {
	values := []uint32{1, 3300, 10_000, 1_000_000, 1<<32 - 1}
	rng := rand.New(rand.NewPCG(7, 419))
	for range 40 {
		values = append(values, rng.Uint32()>>rng.UintN(31)|1)
	}
	r := newRig(t, params(100*ms, 3))
	r.tester.DetectMult, r.tester.RequiredMinRx = 255, 1
	r.tester.DesiredMinTx = 1<<32 - 1 // its silence means nothing for 12 days
	r.up(sec)
	r.silence()
	for i, v := range append(values, 100_000) {
		p := session.Params{DesiredMinTx: v, RequiredMinRx: values[len(values)-1-i%len(values)], DetectMult: 3}
		if i == len(values) {
			p.RequiredMinRx = 0
		}
		r.wait(sec / 2)
		r.configure(p)
		r.sayFinal()
		r.say(packet.Up)
		r.clear()
		for len(r.sent) < 20 {
			r.step()
		}
		if f := r.last(); f.DesiredMinTx != p.DesiredMinTx || f.RequiredMinRx != p.RequiredMinRx || f.Poll {
			t.Errorf("configured %+v, told %+v", p, f)
		}
		r.wantGaps("any interval", int64(p.DesiredMinTx)*us, 19)
		r.wantState("any interval", packet.Up)
		if v < 1000 {
			r.configure(params(100*ms, 3)) // half a second of this would be many packets
			r.sayFinal()
			r.say(packet.Up)
		}
	}
	rows.Covers(t, "5880-6.8.10-01", "5880-6.8.11-01", "7419-B-02")
}

// TestCoarsePeer is RFC 7419 Appendix B: the peer knows 50 ms, 300 ms and 1 s
// only, answers a Poll with values larger than ours and then polls itself.
func TestCoarsePeer(t *testing.T) {
	r := upRig(t, 50*ms, 3)
	r.answer = false
	p := params(200*ms, 3)
	r.configure(p)
	r.wait(40 * ms)

	r.tester.DesiredMinTx, r.tester.RequiredMinRx = 300_000, 300_000
	r.sayFinal()
	r.sayPoll()
	if f := r.last(); !f.Final || r.s.TxInterval() != 300_000 || r.s.DetectionTime() != 900*ms {
		t.Errorf("after the peer's Poll: %+v, interval %d µs, Detection Time %s", f, r.s.TxInterval(), span(r.s.DetectionTime()))
	}
	// It finds no common value but a second, and says so.
	r.wait(300 * ms)
	r.tester.DesiredMinTx, r.tester.RequiredMinRx = 1_000_000, 1_000_000
	r.sayPoll()
	r.talk(900 * ms)
	r.clear()
	r.wait(30 * sec)
	r.wantGaps("in the end", sec, 25)
	r.wantPolls("in the end", false)
	r.wantState("in the end", packet.Up)
	r.wantDown("in the end", 3*sec)
	rows.Covers(t, "7419-B-01", "5880-6.8.3-13")
}

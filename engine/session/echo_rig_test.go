package session_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// echoRig runs an Echo in virtual time along a path that loops what is sent.
type echoRig struct {
	t   testing.TB
	e   session.Echo
	rng *session.Rand
	now session.Time

	rtt  int64
	lost func() bool // asked for each packet sent
	way  []echoPacket
	out  []echoPacket // everything sent

	failed session.Time // when it did, Never before
}

type echoPacket struct {
	seq      uint32
	sent, at session.Time // at: when it comes back
}

// newEchoRig is an Echo that has been started.
func newEchoRig(t testing.TB, interval int64, mult uint8) *echoRig {
	r := &echoRig{t: t, rng: rand.NewPCG(1, 1), now: session.Time(1000 * sec), rtt: ms, failed: session.Never}
	r.lost = func() bool { return false }
	r.run(interval, mult)
	return r
}

// provenEcho is one whose packets come back; the record is empty.
func provenEcho(t testing.TB, interval int64, mult uint8) *echoRig {
	t.Helper()
	r := newEchoRig(t, interval, mult)
	r.wait(4 * max(interval, ms))
	if !r.e.Proven() || r.e.Returned == 0 {
		t.Fatalf("after 4 intervals: proven %v, %d of %d came back", r.e.Proven(), r.e.Returned, r.e.Sent)
	}
	r.out = nil
	return r
}

func (r *echoRig) run(interval int64, mult uint8) { r.e.Run(r.now, micros(interval), mult, r.rng) }

// wait runs for d.
func (r *echoRig) wait(d int64) { r.until(r.now + session.Time(d)) }

// until runs to an instant. What comes back at an instant is seen before a
// failure is judged at that instant.
func (r *echoRig) until(end session.Time) {
	r.t.Helper()
	for {
		next := r.e.Deadline()
		for _, p := range r.way {
			next = min(next, p.at)
		}
		if next > end {
			break
		}
		r.now = max(r.now, next)
		r.step()
	}
	r.now = end
}

// step takes what has come back by now and then does what is due.
func (r *echoRig) step() {
	r.t.Helper()
	r.way = slices.DeleteFunc(r.way, func(p echoPacket) bool {
		if p.at > r.now {
			return false
		}
		if d, _ := r.e.Return(p.at, p.seq, p.sent); d != packet.DropNone && r.e.Running() {
			r.t.Errorf("at %d: packet of %d that came back at %d: %v", r.now, p.sent, p.at, d)
		}
		return true
	})
	send, failed := r.e.Expire(r.now, true, r.rng)
	if send && failed || failed != !r.e.Running() && r.failed == session.Never {
		r.t.Fatalf("at %d: send %v, failed %v, running %v", r.now, send, failed, r.e.Running())
	}
	if failed {
		r.failed = r.now
	}
	if send {
		p := echoPacket{r.e.Seq(), r.now, r.now + session.Time(r.rtt)}
		if r.out = append(r.out, p); !r.lost() {
			r.way = append(r.way, p)
		}
	}
	if r.e.Deadline() <= r.now {
		r.t.Fatalf("at %d: Expire left the deadline at %d", r.now, r.e.Deadline())
	}
}

// lose has the path lose the next n packets.
func (r *echoRig) lose(n int) {
	r.lost = func() bool { n--; return n >= 0 }
}

// gaps are the times between packets sent.
func (r *echoRig) gaps() (g []int64) {
	for i := 1; i < len(r.out); i++ {
		g = append(g, int64(r.out[i].sent-r.out[i-1].sent))
	}
	return g
}

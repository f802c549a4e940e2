package session_test

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// echoModel is what an Echo may believe, kept the long way round.
type echoModel struct {
	t     *testing.T
	e     session.Echo
	now   session.Time
	sent  map[uint32]session.Time // of this run, neither come back nor overtaken
	all   []echoPacket            // of every run
	since session.Time            // the latest proof of the path, or what excused its absence
	last  session.Time            // latest send
	prove bool                    // one has come back in this run
}

func (m *echoModel) fail(what string) {
	m.t.Helper()
	m.t.Fatalf("at %d: %s: running %v, interval %d µs, Detection Time %d, latest proof %d, deadline %d",
		m.now, what, m.e.Running(), m.e.Interval(), m.e.DetectionTime(), m.since, m.e.DetectDeadline())
}

// run starts, changes or stops.
func (m *echoModel) run(us uint32, mult uint8, rng *session.Rand) {
	was, borne := m.e.Running(), m.e.DetectionTime()
	m.e.Run(m.now, us, mult, rng)
	if !was || us == 0 {
		m.sent, m.prove, m.last = make(map[uint32]session.Time), false, 0
	} else {
		m.excuse(session.Time(borne - m.e.DetectionTime()))
	}
}

func (m *echoModel) excuse(d session.Time) { m.since = max(m.since, min(m.since+d, m.now)) }

// expire calls Expire, and holds it to what it may do.
func (m *echoModel) expire(judge bool, rng *session.Rand) {
	running, interval, dt := m.e.Running(), session.Time(m.e.Interval())*session.Time(us), session.Time(m.e.DetectionTime())
	if running && m.last != 0 {
		m.excuse(max(0, m.now-m.last-interval)) // surely that late, perhaps by the jitter more
	}
	send, failed := m.e.Expire(m.now, judge, rng)
	switch {
	case send && failed || (send || failed) && !running || failed && !judge:
		m.fail("sends or fails when it must not")
	case failed && (!m.prove || len(m.sent) == 0 || m.now < m.since+dt):
		m.fail("fails without a reason")
	case send && m.last != 0 && m.now-m.last < interval/4*3:
		m.fail("sends too early")
	case m.e.Deadline() <= m.now && (judge || m.e.DetectDeadline() > m.now):
		m.fail("leaves a deadline that has passed")
	case judge && m.e.DetectDeadline() != session.Never && m.e.DetectDeadline() > m.now+dt:
		m.fail("bears silence for longer than a Detection Time from now on")
	}
	if send {
		m.sent[m.e.Seq()], m.last = m.now, m.now
		m.all = append(m.all, echoPacket{seq: m.e.Seq(), sent: m.now})
	}
	if failed {
		m.prove = false
	}
}

// back lets a packet come back: one of all that were ever sent, or a forged one.
func (m *echoModel) back(p echoPacket, arrival session.Time) {
	at, out := m.sent[p.seq]
	fresh := m.e.Running() && out && at == p.sent && arrival >= p.sent && int64(arrival-p.sent) <= m.e.DetectionTime()
	d, first := m.e.Return(arrival, p.seq, p.sent)
	switch {
	case out && at != p.sent:
		// The seal binds number and time, so nobody can make this one.
		if d == packet.DropNone {
			m.since, m.prove = max(m.since, arrival), true
			m.overtake(p.seq)
		}
	case (d == packet.DropNone) != fresh:
		m.fail("accepts what proves nothing, or not what does: " + d.String())
	case first != (fresh && !m.prove):
		m.fail("first is wrong")
	case fresh:
		m.since, m.prove = max(m.since, arrival), true
		m.overtake(p.seq)
	}
}

// overtake forgets those that a packet which came back makes old.
func (m *echoModel) overtake(seq uint32) {
	for s := range m.sent {
		if int32(s-seq) <= 0 {
			delete(m.sent, s)
		}
	}
}

// FuzzEcho: whatever is lost, late, repeated or made up, only a fresh packet
// counts as one, and without fresh ones the Detection Time passes.
func FuzzEcho(f *testing.F) {
	for seed := range uint64(32) {
		b := make([]byte, 0, 1024)
		for rng := rand.NewPCG(seed, 2); len(b) < cap(b); {
			b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		in, rng := script(ops), rand.NewPCG(1, 1)
		m := &echoModel{t: t, now: session.Time(sec), sent: make(map[uint32]session.Time)}
		m.run(20_000, 3, rng)
		for len(in) > 0 && m.now < 1<<58 {
			switch op := in.u8(); op % 8 {
			case 0, 1, 2: // the next instant of its own
				m.now = max(m.now, min(m.e.Deadline(), m.now+session.Time(sec)))
				m.expire(true, rng)
			case 3: // some instant
				m.now += session.Time(in.u8()) * session.Time(ms)
				m.expire(op&64 != 0, rng)
			case 4, 5: // one of the latest
				if n := len(m.all); n > 0 {
					m.back(m.all[n-1-int(in.u8()%4)%n], m.now-session.Time(in.u8())*session.Time(us))
				}
			case 6: // any that there ever was
				if n := len(m.all); n > 0 {
					m.back(m.all[int(in.u8())*7%n], m.now)
				}
			case 7:
				if op&32 != 0 {
					m.back(echoPacket{seq: m.e.Seq() + in.u32(), sent: m.now - session.Time(in.u32())}, m.now)
				} else if op&16 != 0 {
					m.run(in.micros()&0xffffff, in.u8()|1, rng)
				}
			}
		}
	})
}

// TestEchoIsPlainValue: like a session it lies in a slice that the collector need
// not look into, and nothing that it does allocates.
func TestEchoIsPlainValue(t *testing.T) {
	noPointers(t, reflect.TypeFor[session.Echo](), "Echo")
	r := provenEcho(t, 20*ms, 3)
	if n := testing.AllocsPerRun(1000, func() {
		r.now = r.e.Deadline()
		if send, _ := r.e.Expire(r.now, true, r.rng); send {
			r.e.Return(r.now, r.e.Seq(), r.now)
		}
		r.run(20*ms, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	rows.Covers(t, "5880-6.8.8-01")
}

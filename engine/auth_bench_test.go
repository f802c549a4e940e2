package engine_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

const authBatch = 64

// lapPort gives the same frames again and again, a batch for each Step, and
// swallows what is sent.
type lapPort struct {
	end    *authEnd
	frames [][]byte
	next   int
	left   int // until the port is empty
	sent   int
	buf    [engine.MaxFrame]byte
}

func (p *lapPort) Receive(batch []engine.Rx) int {
	n := min(len(batch), p.left)
	for i := range batch[:n] {
		packet.ParseEthernet(p.frames[p.next], &batch[i].Datagram)
		batch[i].Arrival = p.end.now
		p.next++
	}
	p.left -= n
	return n
}

func (p *lapPort) Alloc(bool) []byte { return p.buf[:] }
func (p *lapPort) Commit(int, int)   { p.sent++ }
func (*lapPort) Ring() bool          { return true }
func (*lapPort) Lost() uint64        { return 0 }

func (p *lapPort) Flush() int { return 0 }

// lap is a worker with one session that is Up and frames of its peer with rising
// sequence numbers, in the given states by turns.
func lap(tb testing.TB, m packet.AuthMethod, states ...packet.State) *lapPort {
	r := oneAuthEnd(tb, m)
	r.up()
	p := &lapPort{end: r}
	path := packet.Path{Src: r.path.Peer, Dst: r.path.Local, SrcPort: 50_000, DstPort: packet.PortControl}
	for i := range 64 * authBatch {
		r.peer.seq++
		l := r.peer
		l.YourDiscr, l.State = r.discr, states[i%len(states)]
		payload := l.bytes()
		var c packet.Control
		c.Decode(payload)
		var section *packet.Auth
		if c.Auth {
			section = new(packet.Auth)
			packet.DecodeAuth(payload[packet.ControlLen:], section)
		}
		var t packet.Template
		t.Render(&path, &c, section)
		frame := make([]byte, t.Len())
		t.Put(frame, 0)
		p.frames = append(p.frames, frame)
	}
	r.e.AttachPort(0, r.path.Ifindex, p) // the session's packets leave by this one now
	r.step()
	return p
}

// batch has the worker receive authBatch packets. After a lap the numbers begin
// again, which takes a change of authentication and back.
func (p *lapPort) batch() {
	r := p.end
	r.now += 20 * authMs
	if p.next == len(p.frames) {
		p.next = 0
		if a := r.status().Auth.Use; a.On {
			r.must(r.e.SetAuth(r.discr, engine.Auth{}, false))
			r.must(r.e.SetAuth(r.discr, a, false))
			r.w.Step(r.now)
			r.e.TakeEvents(nil)
		}
	}
	p.left = authBatch
	r.w.Step(r.now)
}

// allAuthKinds are authKinds and none.
func allAuthKinds(yield func(string, packet.AuthMethod) bool) {
	if !yield("none", packet.AuthMethod{}) {
		return
	}
	for kind, m := range authKinds {
		if !yield(kind, m) {
			return
		}
	}
}

// In steady state a Step allocates nothing, whether it receives or sends.
func TestAuthStepDoesNotAllocate(t *testing.T) {
	for kind, m := range allAuthKinds {
		p := lap(t, m, packet.Up)
		rx, sent := p.end.status().Counters.Rx, p.sent
		const runs = 50
		if n := testing.AllocsPerRun(runs, p.batch); n != 0 {
			t.Errorf("%s: %v allocations in a Step", kind, n)
		}
		if got := p.end.status().Counters.Rx - rx; got != (runs+1)*authBatch || p.sent-sent < runs/3 {
			t.Errorf("%s: %d packets accepted, %d sent: %v", kind, got, p.sent-sent, p.end.status().Discards)
		}
	}
}

// A session that flaps with every packet costs no garbage either, as long as
// somebody reads.
func TestAuthFlapDoesNotAllocate(t *testing.T) {
	for kind, m := range allAuthKinds {
		p := lap(t, m, packet.Down, packet.Init)
		events := make([]engine.Event, 0, 8)
		flap := func() {
			p.batch()
			events = p.end.e.TakeEvents(events[:0])
		}
		flap()
		if n := testing.AllocsPerRun(20, flap); n != 0 {
			t.Errorf("%s: %v allocations in %d flaps", kind, n, authBatch/2)
		}
		if downs := p.end.status().Counters.Down; downs < 20*authBatch/2 {
			t.Errorf("%s: only %d flaps", kind, downs)
		}
	}
}

// BenchmarkStepReceiveAuth is one received packet by the way it is authenticated:
// frame parsed, session found, digest verified, state machine run, timer moved.
func BenchmarkStepReceiveAuth(b *testing.B) {
	for kind, m := range allAuthKinds {
		b.Run(kind, func(b *testing.B) {
			p := lap(b, m, packet.Up)
			before := p.end.status().Counters.Rx
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += authBatch {
				p.batch()
			}
			b.StopTimer()
			st := p.end.status()
			if st.Counters.Rx-before < uint64(b.N) || st.Discards != (engine.Discards{}) {
				b.Fatalf("accepted %d of %d packets, discards %v", st.Counters.Rx-before, b.N, st.Discards)
			}
		})
	}
}

// BenchmarkStepSendAuth is one sent packet by the way it is authenticated: timer
// fires, template copied, digest made, timer set.
func BenchmarkStepSendAuth(b *testing.B) {
	for kind, m := range allAuthKinds {
		b.Run(kind, func(b *testing.B) {
			p := lap(b, m, packet.Up)
			r := p.end
			r.peer.DesiredMinTx, r.peer.DetectMult = 1<<32-1, 255 // it may be silent for 12 days
			r.say()
			last := r.now
			p.sent = 0
			b.ReportAllocs()
			b.ResetTimer()
			for p.sent < b.N {
				if r.now = r.w.Step(r.now); r.now-last > 1_000_000*authSec {
					r.say()
					last = r.now
				}
			}
		})
	}
}

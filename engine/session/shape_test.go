package session_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// TestPlainValue: thousands of sessions lie in one slice that the garbage
// collector need not look into, two and a half cache lines each at most.
func TestPlainValue(t *testing.T) {
	typ := reflect.TypeFor[session.Session]()
	noPointers(t, typ, typ.Name())
	t.Logf("a session is %d bytes", typ.Size())
	if typ.Size() > 160 {
		t.Errorf("a session is %d bytes, want at most 160", typ.Size())
	}
}

func noPointers(t *testing.T, typ reflect.Type, path string) {
	switch typ.Kind() {
	case reflect.Struct:
		for f := range typ.Fields() {
			noPointers(t, f.Type, path+"."+f.Name)
		}
	case reflect.Array:
		noPointers(t, typ.Elem(), path+"[]")
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
	default:
		t.Errorf("%s is a %s", path, typ)
	}
}

// steady is a session that is Up at 10 ms, and the packet its peer repeats.
func steady() (s session.Session, c packet.Control, rng *session.Rand) {
	rng = rand.NewPCG(1, 2)
	s = session.New(params(10*ms, 3), localDiscr, 0, rng)
	c = packet.Control{
		DetectMult: 3, Length: packet.ControlLen, MyDiscr: testerDiscr, YourDiscr: localDiscr,
		DesiredMinTx: 10_000, RequiredMinRx: 10_000,
	}
	for _, st := range []packet.State{packet.Down, packet.Up} {
		c.State = st
		s.Receive(0, 0, &c, rng)
	}
	final := c
	final.Final = true
	s.Receive(0, 0, &final, rng)
	s.Receive(0, 0, &c, rng)
	return s, c, rng
}

func TestNoAllocations(t *testing.T) {
	s, c, rng := steady()
	var now session.Time
	for _, call := range []struct {
		name string
		do   func()
	}{
		{"Receive", func() { s.Receive(now, now, &c, rng) }},
		{"Receive of a change", func() { c.MyDiscr++; c.Poll = !c.Poll; s.Receive(now, now, &c, rng) }},
		{"Expire", func() { now = s.Deadline(); s.Expire(now, true, rng); s.Receive(now, now, &c, rng) }},
		{"Configure", func() { s.Configure(now, params(10*ms+int64(now)%ms/us*us, 3), rng); now += 1000 }},
		{"Admin", func() { s.Admin(now, s.State() != packet.AdminDown, packet.DiagAdminDown, rng) }},
		{"Control", func() { s.Control(&c) }},
		{"Signals", func() {
			s.ForwardingReset(now, rng)
			s.Concatenated(now, packet.DiagConcatPathDown, rng)
			s.SetEchoing(now, s.Offered() == 0, rng)
			s.OfferEcho(now, uint32(now&1)+s.EchoInterval(), rng)
			s.EchoFailed(now, rng)
			s.Verify()
			now++
		}},
	} {
		if n := testing.AllocsPerRun(1000, call.do); n != 0 {
			t.Errorf("%s allocates %v times", call.name, n)
		}
	}
}

// BenchmarkReceive is the commonest packet: the one that says nothing new.
func BenchmarkReceive(b *testing.B) {
	s, c, rng := steady()
	var now session.Time
	b.ReportAllocs()
	for b.Loop() {
		now += session.Time(9 * ms)
		if s.Receive(now, now, &c, rng) != 0 || s.Deadline() == session.Never {
			b.Fatal("a packet that says nothing new had an effect")
		}
	}
}

// BenchmarkExpireSend is one periodic packet: the deadline passes, a packet is
// due, the next deadline is known.
func BenchmarkExpireSend(b *testing.B) {
	s, c, rng := steady()
	c.DetectMult, c.DesiredMinTx = 255, 1<<32-1
	now := s.Deadline()
	s.Receive(now, now, &c, rng)
	b.ReportAllocs()
	for b.Loop() {
		out := s.Expire(now, true, rng)
		if out&session.Changed != 0 { // 12 days have passed
			s, c, rng = steady()
			c.DetectMult, c.DesiredMinTx = 255, 1<<32-1
			s.Receive(0, 0, &c, rng)
		} else if out != session.Send {
			b.Fatalf("outcome %b", out)
		}
		now = s.Deadline()
	}
}

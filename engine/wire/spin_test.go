package wire

import (
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// startAdaptive runs an adaptive worker until the test ends, and returns its
// thread.
func startAdaptive(t testing.TB, s *stepper) (l *Loop, thread int) {
	t.Helper()
	seen := make(chan int, 1)
	step, told := s.step, false // the thread's own
	s.step = func(now session.Time) session.Time {
		if !told {
			told = true
			seen <- unix.Gettid()
		}
		return step(now)
	}
	l = run(t, LoopOptions{CPU: -1, Adaptive: true, Worker: s})
	return l, <-seen
}

// A worker that spins gives its core back when there is nothing to do, and takes
// but a little of it for a deadline now and then.
func TestAdaptiveSleeps(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait session.Time // 0: for ever
		most time.Duration
	}{
		{"for packets", 0, time.Millisecond},
		{"by poll", session.Time(5 * session.Millisecond), 20 * time.Millisecond},
		{"by sleep", session.Time(900 * session.Microsecond), 60 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testnet.NoLeaks(t)
			l, thread := startAdaptive(t, &stepper{step: func(now session.Time) session.Time {
				if tt.wait == 0 {
					return session.Never
				}
				return now + tt.wait
			}})
			const span = 200 * time.Millisecond
			before := l.Waits()
			used := busy(t, thread, span)
			after := l.Waits()
			t.Logf("%v of processor time in %v, %+v", used, span, after)
			if used > tt.most {
				t.Errorf("%v of processor time in %v", used, span)
			}
			if tt.wait != 0 && after.Sleeps-before.Sleeps < 10 {
				t.Errorf("waited %+v, before that %+v", after, before)
			}
		})
	}
}

// Packets and wakes end a wait, whichever it is.
func TestAdaptiveLoop(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	var received, wakes atomic.Int64
	batch := make([]engine.Rx, 64)
	deadline := session.Time(0)
	s := &stepper{ports: []engine.Port{b.Port(0)}}
	s.step = func(now session.Time) session.Time {
		received.Add(int64(s.ports[0].Receive(batch)))
		wakes.Add(1)
		if now >= deadline {
			deadline = now + session.Time(300*session.Microsecond)
		}
		return deadline
	}
	l, _ := startAdaptive(t, s)
	for i := range int64(200) {
		if send(a.Port(0), r.a.template(int(i%2)), i%3 != 0, 1, 1) != 0 {
			t.Fatal("send failed")
		}
		testnet.Eventually(t, 5*time.Second, "the packet is received", func() bool { return received.Load() == i+1 })
		before := wakes.Load()
		l.Wake()
		testnet.Eventually(t, 5*time.Second, "the wake is seen", func() bool { return wakes.Load() > before })
	}
	if w := l.Waits(); w.Sleeps == 0 || w.Spins == 0 {
		t.Errorf("waited %+v", w)
	}
}

// Adaptive waiting reaches its deadline and not before: from a long way off, from
// close by, and with packets that were dense until then.
func TestAdaptiveNeverEarly(t *testing.T) {
	w, err := newWaiter()
	must(t, err)
	defer func() { must(t, w.close()) }()
	for i := range 120 {
		w.spin.gap = spinMost * session.Time(i%4) / 2
		deadline := Now() + []session.Time{1, 20, 200, 1500}[i/30]*session.Time(session.Microsecond)
		began := Now()
		for Now() < deadline {
			if w.waitAdaptive(deadline); Now() < deadline && Now()-began > session.Time(session.Second) {
				t.Fatal("does not wait")
			}
		}
		if turns := w.sleeps.Load(); turns > uint64(2*(i+1)) {
			t.Fatalf("%d sleeps for %d deadlines", turns, i+1)
		}
	}
}

// Packets that come closely one after the other are waited for without a sleep,
// and no more once they have ended.
func TestSpinnerDensity(t *testing.T) {
	var produced atomic.Uint32
	q := &queue{xsk: new(xsk)}
	q.rx.produced = &produced
	var s spinner
	s.reset([]*queue{q})
	now := Now()
	packets := func(n int, apart session.Time) {
		for range n {
			now += apart
			produced.Add(1)
			if !s.arrived(now) {
				t.Fatal("a packet was not seen")
			}
			q.rx.head = produced.Load() // as Receive does
			if s.arrived(now) {
				t.Fatal("a packet was seen twice")
			}
		}
	}
	for _, tt := range []struct {
		n     int
		apart session.Time
		dense bool
	}{
		{n: 1, apart: spinMost / 10, dense: false},
		{n: 60, apart: spinMost / 10, dense: true},
		{n: 1, apart: session.Time(session.Second), dense: false},
		{n: 60, apart: spinMost * 2, dense: false},
		{n: 60, apart: spinMost / 2, dense: true},
	} {
		if packets(tt.n, tt.apart); s.dense() != tt.dense {
			t.Errorf("%d packets %v ns apart: dense %v, gap %d ns", tt.n, tt.apart, s.dense(), s.gap)
		}
	}
	w := &waiter{spin: s, event: -1}
	looks := 0
	for ; w.spin.dense(); looks++ {
		w.waitAdaptive(Now() + 2*spinMost)
	}
	if looks > 8 || w.caught.Load() != 0 {
		t.Errorf("%d looks in vain, %d caught", looks, w.caught.Load())
	}
	rings := new(atomic.Bool)
	rings.Store(true)
	if began := Now(); !w.spin.spin(session.Never, rings) || Now()-began > session.Time(session.Second) {
		t.Error("a wake does not end a spin")
	}
}

// Spinning at real-time priority would take a core from everybody else.
func TestAdaptiveNotFIFO(t *testing.T) {
	testnet.NoLeaks(t)
	_, err := NewLoop(LoopOptions{CPU: -1, Priority: 1, Adaptive: true})
	if err == nil || !strings.Contains(err.Error(), "SCHED_FIFO") {
		t.Errorf("error %v", err)
	}
}

// What adaptive waiting buys and costs beside sleeping: how long a packet lies in
// the ring before the worker has it, how late a grid of deadlines is kept, how
// often the worker sleeps, and the share of a core it takes.
func BenchmarkWait(b *testing.B) {
	for _, traffic := range []struct {
		name  string
		apart time.Duration // of packets
		grid  session.Time  // of deadlines
	}{
		{"dense", 20 * time.Microsecond, session.Never},
		{"sparse", 2 * time.Millisecond, session.Never},
		{"grid", 10 * time.Millisecond, session.Time(625 * session.Microsecond)},
	} {
		for _, adaptive := range []bool{false, true} {
			b.Run(traffic.name+map[bool]string{false: "/sleep", true: "/adaptive"}[adaptive], func(b *testing.B) {
				benchWait(b, adaptive, traffic.apart, traffic.grid)
			})
		}
	}
}

func benchWait(b *testing.B, adaptive bool, apart time.Duration, grid session.Time) {
	r := newRig(b, netns.VethOptions{})
	tx, rx := r.a.open(b, Options{}).Port(0), r.b.open(b, Options{}).Port(0)
	var waited, late []session.Time
	var cpu atomic.Int64
	batch := make([]engine.Rx, 64)
	deadline := session.Never
	received := make(chan struct{}, 1)
	s := &stepper{ports: []engine.Port{rx}}
	s.step = func(now session.Time) session.Time {
		for _, p := range batch[:rx.Receive(batch)] {
			if waited = append(waited, Now()-p.Arrival); len(waited) == b.N {
				received <- struct{}{}
			}
		}
		if grid != session.Never && now >= deadline {
			late = append(late, now-deadline)
		}
		if grid != session.Never && (deadline == session.Never || now >= deadline) {
			deadline = now - now%grid + grid
		}
		cpu.Store(int64(threadTime()))
		return deadline
	}
	l := run(b, LoopOptions{CPU: -1, Adaptive: adaptive, Worker: s})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(b, timerSlack(time.Nanosecond))
	var pause waiter
	tmpl := r.a.template(v4)
	b.ResetTimer()
	began, used, before := Now(), cpu.Load(), l.Waits()
	for i := range b.N {
		pause.nap(Now(), began+session.Time(i)*session.Time(apart))
		tx.Commit(tmpl.Put(tx.Alloc(true), 0), tmpl.L3())
		tx.Flush()
	}
	select {
	case <-received:
	case <-time.After(2 * time.Second):
		b.Fatalf("%d of %d packets", len(waited), b.N)
	}
	took, after := Now()-began, l.Waits()
	b.ReportMetric(float64(cpu.Load()-used)/float64(took)*100, "%core")
	b.ReportMetric(float64(after.Sleeps-before.Sleeps)/float64(took)*1e9, "sleeps/s")
	for name, list := range map[string][]session.Time{"packet": waited, "deadline": late} {
		if slices.Sort(list); len(list) > 0 {
			b.ReportMetric(float64(list[len(list)/2])/1e3, name+"-p50-us")
			b.ReportMetric(float64(list[len(list)*99/100])/1e3, name+"-p99-us")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// threadTime returns the processor time that the calling thread has had.
func threadTime() session.Time {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // cannot fail: the clock is there since Linux 2.6
	return session.Time(ts.Nano())
}

package wire

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
)

// newSink is a rig whose end b drops every frame in native XDP: what is left
// is the cost of sending, and of veth, which delivers inside the sender's call.
func newSink(b *testing.B) *rig {
	r := newRig(b, netns.VethOptions{})
	for f := range r.b.addr {
		r.a.Neigh(b, "va", r.b.addr[f].String(), r.b.mac[:])
	}
	must(b, r.b.Do(func() error {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()},
		})
		if err != nil {
			return err
		}
		l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: r.b.ifindex, Flags: link.XDPDriverMode})
		b.Cleanup(func() {
			must(b, l.Close())
			must(b, p.Close())
		})
		return err
	}))
	return r
}

// benchSend sends b.N frames in batches; one op is one frame.
func benchSend(b *testing.B, p engine.Port, r *rig, l2 bool, batch int) {
	tmpl := r.a.template(v4)
	b.ReportAllocs()
	defer reportCPU(b)()
	refused := 0
	for n := 0; n < b.N; n += batch {
		for range batch {
			p.Commit(tmpl.Put(p.Alloc(l2), 0), tmpl.L3())
		}
		refused += p.Flush()
	}
	b.ReportMetric(float64(refused)/float64(b.N), "refused/op") // veth's ring was full
}

// reportCPU starts measuring; the function that it returns reports the
// processor time of one op, which other programs on the machine change less
// than they change the time on the clock.
func reportCPU(b *testing.B) func() {
	runtime.LockOSThread()
	b.ResetTimer()
	began := cpuTime(b)
	return func() {
		b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
		runtime.UnlockOSThread()
	}
}

func cpuTime(b *testing.B) int64 {
	var ts unix.Timespec
	must(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
	return ts.Nano()
}

func BenchmarkXSKSend(b *testing.B) {
	for _, batch := range []int{1, 8, 16, 24, 32, 128} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			r := newSink(b)
			benchSend(b, r.a.open(b, Options{}).Port(0), r, true, batch)
		})
	}
}

// Flushes of so many frames as live frames. The sink takes them, so that the
// trial is over at once.
func BenchmarkLiveSend(b *testing.B) {
	for _, batch := range []int{24, 32, 64, 128, 512} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			r := newSink(b)
			i := r.a.open(b, Options{Transmit: TransmitLive})
			i.transmit.proof.state.Store(untried)
			sendLive(i.Port(0), r.a, 1, liveFrom)
			i.awaitTrust(b, trusted)
			benchSend(b, i.Port(0), r, true, batch)
			c := i.Counters()
			if c["live_tx"] < uint64(b.N) || c["live_tx_error"] != 0 {
				b.Errorf("counters %v", c)
			}
			b.ReportMetric(float64(c["live_tx_lost"])/float64(b.N), "lost/op")
		})
	}
}

func BenchmarkSendmmsg(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			r := newSink(b)
			benchSend(b, r.a.open(b, Options{Transport: TransportUDP}).Port(0), r, false, batch)
		})
	}
}

// The same by github.com/asavie/xdp.
func BenchmarkAsavieSend(b *testing.B) {
	const batch = 32
	r := newSink(b)
	a := newAsavie(b, r.a)
	frame := make([]byte, engine.MaxFrame)
	frame = frame[:r.a.template(v4).Put(frame, 0)]
	defer reportCPU(b)()
	for n := 0; n < b.N; {
		descs := a.GetDescs(batch)
		for i := range descs {
			descs[i].Len = uint32(copy(a.GetFrame(descs[i]), frame))
		}
		n += a.Transmit(descs)
		a.Complete(a.NumCompleted())
	}
}

// One op is one frame read from the ring, parsed and given back; the time of
// sending it is left out.
func BenchmarkXSKReceive(b *testing.B) {
	r := newRig(b, netns.VethOptions{})
	tx, rx := r.a.open(b, Options{}).Port(0), r.b.open(b, Options{}).Port(0)
	tmpl := r.a.template(v4)
	batch := make([]engine.Rx, 64)
	var spent session.Time
	received := 0
	b.ReportAllocs()
	b.ResetTimer()
	for received < b.N {
		for range 48 {
			tx.Commit(tmpl.Put(tx.Alloc(true), 0), tmpl.L3())
		}
		tx.Flush()
		for left := 48; left > 0; {
			began := Now()
			n := rx.Receive(batch)
			if n > 0 {
				spent += Now() - began
			}
			left -= n
			received += n
		}
	}
	b.ReportMetric(float64(spent)/float64(received), "ns/packet")
	b.ReportMetric(0, "ns/op")
}

// What a turn costs that finds nothing: one ring and two sockets.
func BenchmarkReceiveNothing(b *testing.B) {
	r := newRig(b, netns.VethOptions{})
	rx := r.a.open(b, Options{}).Port(0)
	batch := make([]engine.Rx, 64)
	b.ReportAllocs()
	for b.Loop() {
		rx.Receive(batch)
	}
}

// How late the machine lets a thread wake up: the floor under every deadline.
func BenchmarkWakeUp(b *testing.B) {
	for _, wait := range []time.Duration{500 * time.Microsecond, 2 * time.Millisecond} { // sleeps, polls
		b.Run(wait.String(), func(b *testing.B) {
			w, err := newWaiter()
			must(b, err)
			defer func() { must(b, w.close()) }()
			var late []session.Time
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread()
				must(b, timerSlack(time.Nanosecond))
				for range b.N {
					deadline := Now() + session.Time(wait)
					w.wait(deadline)
					late = append(late, Now()-deadline)
				}
			}()
			<-done
			slices.Sort(late)
			b.ReportMetric(float64(late[len(late)/2])/1e3, "p50-us")
			b.ReportMetric(float64(late[len(late)*99/100])/1e3, "p99-us")
			b.ReportMetric(float64(late[len(late)-1])/1e3, "max-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

package wire

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// processTime is the processor time of all threads, in ns.
func processTime(b *testing.B) int64 {
	var ts unix.Timespec
	must(b, unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts))
	return ts.Nano()
}

// BenchmarkReach is one packet from a raw socket through a veth to a worker: what
// the kernel and the process spend on it by each transport. The sender's part is the
// same in all.
func BenchmarkReach(b *testing.B) {
	for _, transport := range []string{TransportXDP, TransportGeneric, TransportUDP} {
		b.Run(transport, func(b *testing.B) {
			r := newRig(b, netns.VethOptions{})
			tx, rx := r.b.open(b, Options{Transport: TransportUDP}).Port(0), r.a.open(b, Options{Transport: transport}).Port(0)
			tmpl := r.b.template(v4)
			batch := make([]engine.Rx, 64)
			b.ReportAllocs()
			b.ResetTimer()
			began, received := processTime(b), 0
			for received < b.N {
				for range 32 {
					tx.Commit(tmpl.Put(tx.Alloc(false), 0), tmpl.L3())
				}
				tx.Flush()
				for left, idle := 32, 0; left > 0 && idle < 1000; {
					n := rx.Receive(batch)
					left -= n
					received += n
					if idle++; n > 0 {
						idle = 0
					}
				}
			}
			b.ReportMetric(float64(processTime(b)-began)/float64(received), "cpu-ns/packet")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkHandOffWire is one packet for a session of worker 0 that arrives on the
// queue of worker 0, or on that of worker 1, in bursts: what the process spends with
// all its wake-ups. A quarter of a millisecond lies between bursts.
func BenchmarkHandOffWire(b *testing.B) {
	for _, burst := range []int{1, 32} {
		for queue, name := range []string{"own queue", "other queue"} {
			b.Run(fmt.Sprintf("burst=%d/%s", burst, name), func(b *testing.B) {
				r := newRig(b, netns.VethOptions{Queues: 2})
				near, far := r.a.open(b, Options{Workers: 2}), r.b.open(b, Options{Workers: 2})
				e, stop := drive(b, 2)
				b.Cleanup(func() { stop() })
				for i := range 2 {
					e.AttachPort(i, int32(r.a.ifindex), near.Port(i))
				}
				discr, err := e.Add(engine.Spec{Params: session.Params{DesiredMinTx: 1e6, RequiredMinRx: 1e6, DetectMult: 50}})
				must(b, err)
				must(b, r.a.tables.AddDiscr(discr, bpf.NoLane))
				must(b, e.SetPath(discr, engine.Path{
					Ifindex: int32(r.a.ifindex), Local: packet.AddrFrom(r.a.addr[v4]), Peer: packet.AddrFrom(r.b.addr[v4]),
					LocalMAC: r.a.mac, PeerMAC: r.b.mac, MACKnown: true,
				}))
				if e.WorkerOf(discr) != 0 {
					b.Fatal("the session is not worker 0's")
				}
				var tmpl packet.Template
				tmpl.Render(&packet.Path{
					SrcMAC: r.b.mac, DstMAC: r.a.mac, Src: packet.AddrFrom(r.b.addr[v4]), Dst: packet.AddrFrom(r.a.addr[v4]),
					SrcPort: 49152, DstPort: packet.PortControl,
				}, &packet.Control{State: packet.Down, DetectMult: 50, MyDiscr: 7, YourDiscr: discr, DesiredMinTx: 1e6, RequiredMinRx: 1e6}, nil)
				tx := far.Port(queue)
				b.ResetTimer()
				began := processTime(b)
				for n := 0; n < b.N; n += burst {
					for range burst {
						tx.Commit(tmpl.Put(tx.Alloc(true), 0), tmpl.L3())
					}
					tx.Flush()
					time.Sleep(250 * time.Microsecond)
				}
				spent := processTime(b) - began
				b.StopTimer()
				testnet.Eventually(b, time.Second, "all are received", func() bool {
					st, err := e.Status(b.Context(), discr)
					return err == nil && st.Counters.Rx >= uint64(b.N) && st.Discards == (engine.Discards{})
				})
				b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

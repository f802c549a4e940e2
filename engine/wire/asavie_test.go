package wire

import (
	"testing"
	"time"

	"github.com/asavie/xdp"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/packet"
)

// asavie is the other end as github.com/asavie/xdp does it: an AF_XDP
// implementation that shares no line with ours, behind a program that redirects
// every frame. It is not closed: that package keeps its rings mapped for good,
// and they go with the process.
type asavie struct {
	*xdp.Socket
	program *xdp.Program
}

func newAsavie(t testing.TB, e *end) asavie {
	t.Helper()
	var a asavie
	must(t, e.Do(func() (err error) {
		o := xdp.SocketOptions{
			NumFrames: 256, FrameSize: 2048, FillRingNumDescs: 128, CompletionRingNumDescs: 128,
			RxRingNumDescs: 128, TxRingNumDescs: 128,
		}
		if a.Socket, err = xdp.NewSocket(e.ifindex, 0, &o); err != nil {
			return err
		}
		if a.program, err = xdp.NewProgram(1); err != nil {
			return err
		}
		if err := a.program.Attach(e.ifindex); err != nil {
			return err
		}
		return a.program.Register(0, a.FD())
	}))
	return a
}

// poll gives the kernel every frame it can have and returns what has arrived.
func (a asavie) poll(t testing.TB, wait time.Duration) (frames [][]byte) {
	t.Helper()
	a.Fill(a.GetDescs(a.NumFreeFillSlots()))
	n, _, err := a.Poll(int(wait.Milliseconds()))
	must(t, err)
	for _, d := range a.Receive(n) {
		frames = append(frames, append([]byte(nil), a.GetFrame(d)...))
	}
	return frames
}

func (a asavie) send(frames ...[]byte) int {
	descs := a.GetDescs(len(frames))
	for i := range descs {
		copy(a.GetFrame(descs[i]), frames[i])
		descs[i].Len = uint32(len(frames[i]))
	}
	return a.Transmit(descs)
}

// Our rings and those of an independent implementation understand each other.
func TestForeignRings(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	peer := newAsavie(t, r.b)
	i := r.a.open(t, Options{})
	if transport, reason := i.Transport(); transport != "xdp-native" {
		t.Fatalf("transport %q, %q", transport, reason)
	}
	port := i.Port(0)
	const rounds, n = 20, 24
	for family := range 2 {
		ours, theirs := r.a.template(family), r.b.template(family)
		for round := range rounds {
			peer.poll(t, 0) // the kernel has frames to receive into
			if failed := send(port, ours, true, round*n, n); failed != 0 {
				t.Fatalf("%d frames failed", failed)
			}
			var seen int
			for deadline := time.Now().Add(time.Second); seen < n && time.Now().Before(deadline); {
				for _, frame := range peer.poll(t, 10*time.Millisecond) {
					var d packet.Datagram
					var c packet.Control
					packet.ParseEthernet(frame, &d)
					if d.Drop != packet.DropNone || c.Decode(d.Payload) != packet.DropNone || c.MyDiscr != 0x01020304 {
						continue // the kernel's own, such as neighbour discovery
					}
					if int(c.DesiredMinTx) != round*n+seen {
						t.Fatalf("frame %d has number %d", round*n+seen, c.DesiredMinTx)
					}
					seen++
				}
			}
			if seen != n {
				t.Fatalf("round %d: they received %d of %d", round, seen, n)
			}
			var frames [][]byte
			for k := range n {
				frame := make([]byte, packet.MaxFrame)
				theirs.Put(frame, 0)
				number(frame, theirs, uint32(round*n+k))
				frames = append(frames, frame[:theirs.Len()])
			}
			if sent := peer.send(frames...); sent != n {
				t.Fatalf("they sent %d of %d", sent, n)
			}
			list := receive(t, port, n)
			if len(list) != n || list[0].number != round*n || list[n-1].number != round*n+n-1 {
				t.Fatalf("round %d: we received %d of %d", round, len(list), n)
			}
		}
	}
	clean(t, i)
}

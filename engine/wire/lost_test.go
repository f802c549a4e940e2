package wire

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
)

// What finds no room in a ring or a socket is counted, and nothing else is.
func TestLost(t *testing.T) {
	for _, transport := range []string{TransportXDP, TransportGeneric, TransportUDP} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, netns.VethOptions{})
			for f := range r.a.addr {
				r.a.Neigh(t, r.a.ifname, r.b.addr[f].String(), r.b.mac[:])
			}
			o := Options{Transport: transport, RxFrames: minRxFrames}
			a, b := r.a.open(t, o), r.b.open(t, o)
			for _, u := range b.udp {
				must(t, unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096))
			}
			tx, rx := a.Port(0), b.Port(0)
			send(tx, r.a.template(v4), transport != TransportUDP, 0, 2)
			if n := len(receive(t, rx, 2)); n != 2 || rx.Lost() != 0 {
				t.Fatalf("%d of 2 received, %d lost", n, rx.Lost())
			}
			const sent, burst = 1600, 32 // a veth itself has room for 256
			for i := 0; i < sent; i += burst {
				send(tx, r.a.template(i/burst%2), transport != TransportUDP, i, burst)
				time.Sleep(200 * time.Microsecond)
			}
			time.Sleep(20 * time.Millisecond)
			lost := rx.Lost()
			var received uint64
			for batch := make([]engine.Rx, 64); ; {
				n := rx.Receive(batch)
				if received += uint64(n); n == 0 {
					break
				}
			}
			if lost == 0 || received == 0 || lost+received > sent || lost+received < sent/2 {
				t.Errorf("%d lost and %d received of %d", lost, received, sent)
			}
			if again := rx.Lost(); again != lost {
				t.Errorf("%d lost, and later %d", lost, again)
			}
		})
	}
}

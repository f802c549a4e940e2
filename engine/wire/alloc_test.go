package wire

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/packet"
)

// Nothing on the way of a packet allocates.
func TestNoAllocations(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	v4Frame, v6Frame := r.a.template(v4), r.a.template(v6)
	batch := make([]engine.Rx, 64)
	tx, rx := a.Port(0), b.Port(0)
	received := 0
	for _, l2 := range []bool{true, false} {
		n := testing.AllocsPerRun(100, func() {
			for range 8 {
				tx.Commit(v4Frame.Put(tx.Alloc(l2), 0), v4Frame.L3())
				tx.Commit(v6Frame.Put(tx.Alloc(l2), 0), v6Frame.L3())
			}
			tx.Flush()
			received += rx.Receive(batch)
		})
		if n != 0 {
			t.Errorf("layer 2 %v: %v allocations", l2, n)
		}
	}
	if received == 0 {
		t.Error("nothing was received")
	}
	if n := testing.AllocsPerRun(10, func() { rx.Lost() }); n != 0 {
		t.Errorf("what was lost: %v allocations", n)
	}

	m := r.b.openMultihop(t, Options{})
	fd, payload := r.a.udpSocket(t, unix.AF_INET), make([]byte, packet.ControlLen)
	must(t, unix.Connect(fd, &unix.SockaddrInet4{Port: packet.PortMultihop, Addr: r.b.addr[v4].As4()}))
	received = 0
	n := testing.AllocsPerRun(100, func() {
		_, _ = unix.Write(fd, payload)
		received += m.Port(0).Receive(batch)
	})
	if n != 0 || received == 0 {
		t.Errorf("multihop: %v allocations, %d received", n, received)
	}

	w, err := newWaiter()
	must(t, err)
	w.watch(b.ports[0].fds)
	defer func() { must(t, w.close()) }()
	for _, wait := range []int64{-1, 10 * session.Microsecond, 1100 * session.Microsecond} {
		if n := testing.AllocsPerRun(20, func() { w.wait(Now() + session.Time(wait)) }); n != 0 {
			t.Errorf("waiting %d ns: %v allocations", wait, n)
		}
	}
	if n := testing.AllocsPerRun(20, func() { w.wake(); w.woken.Store(false) }); n != 0 {
		t.Errorf("wake: %v allocations", n)
	}
}

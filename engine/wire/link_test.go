package wire

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A link that goes down fails frames without a panic, and what was committed
// meanwhile never leaves: after the link is back the peer gets the new frames
// and no old one.
func TestLinkDownAndUp(t *testing.T) {
	for _, budget := range []string{"one call", "batches of 32"} {
		t.Run(budget, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			a, b := r.a.open(t, Options{TxFrames: 256}), r.b.open(t, Options{})
			if budget != "one call" {
				a.queues[0].lowerBudget(t)
			}
			tmpl := r.a.template(v4)
			for round := range 3 {
				if failed := send(a.Port(0), tmpl, true, 1, 200); failed != 0 {
					t.Fatalf("round %d: %d of 200 frames failed", round, failed)
				}
				if n := len(receive(t, b.Port(0), 200)); n != 200 {
					t.Fatalf("round %d: received %d of 200", round, n)
				}
				r.a.SetDown(t, "va")
				if failed := send(a.Port(0), tmpl, true, 1000, 400); failed != 400 {
					t.Errorf("link down: %d of 400 frames failed", failed)
				}
				r.a.SetUp(t, "va")
				if failed := send(a.Port(0), tmpl, true, 1, 100); failed != 0 {
					t.Errorf("link up again: %d of 100 frames failed", failed)
				}
				list := receive(t, b.Port(0), 100)
				if len(list) != 100 || list[0].number != 1 || list[99].number != 100 {
					t.Errorf("link up again: received %d of 100", len(list))
				}
				if failed := send(b.Port(0), r.b.template(v4), true, 1, 50); failed != 0 {
					t.Errorf("link up again: %d of 50 answers failed", failed)
				}
				if n := len(receive(t, a.Port(0), 50)); n != 50 {
					t.Errorf("link up again: received %d of 50 answers", n)
				}
			}
			if a.Counters()["xsk_tx_link_down"] == 0 {
				t.Error("the link's absence was not counted")
			}
		})
	}
}

// lowerBudget gives the socket the kernel's default of 32 frames for a call.
func (q *queue) lowerBudget(t *testing.T) {
	t.Helper()
	must(t, q.setBudget(32))
}

// The peer's end going down takes the carrier, not the socket.
func TestPeerDown(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	tmpl := r.a.template(v4)
	r.b.SetDown(t, "vb")
	if failed := send(a.Port(0), tmpl, true, 1000, 200); failed != 200 {
		t.Errorf("%d of 200 frames failed", failed)
	}
	r.b.SetUp(t, "vb")
	if failed := send(a.Port(0), tmpl, true, 1, 10); failed != 0 {
		t.Errorf("%d of 10 frames failed", failed)
	}
	if list := receive(t, b.Port(0), 10); len(list) != 10 || list[0].number != 1 {
		t.Errorf("received %d of 10", len(list))
	}
	conserved(t, "after", a, b)
}

// An interface that is deleted under its sockets fails what is sent, receives
// nothing, and closes.
func TestLinkDeleted(t *testing.T) {
	for _, transport := range []string{TransportAuto, TransportGeneric, TransportUDP} {
		t.Run(transport, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			a, err := r.a.tryOpen(Options{Transport: transport})
			must(t, err)
			port := a.Port(0)
			send(port, r.a.template(v4), true, 1, 10)
			r.a.DelLink(t, "va")
			for _, l2 := range []bool{true, false} {
				for _, family := range []int{v4, v6} {
					if failed := send(port, r.a.template(family), l2, 1, 100); failed != 100 {
						t.Errorf("layer 2 %v, family %d: %d of 100 frames failed", l2, family, failed)
					}
				}
			}
			if n := port.Receive(make([]engine.Rx, 64)); n != 0 {
				t.Errorf("received %d", n)
			}
			a.Counters()
			must(t, a.Close())
		})
	}
}

// An interface that was in another namespace for a moment looks as it was opened,
// but the kernel has taken its rings.
func TestLinkElsewhere(t *testing.T) {
	r := newRig(t, netns.VethOptions{Queues: 2})
	a := r.a.open(t, Options{})
	away := testnet.NewNS(t, "away")
	look := func() (gone bool, stale string) {
		must(t, r.a.Do(func() error {
			gone, stale = a.Gone(), a.Stale()
			return nil
		}))
		return gone, stale
	}
	if gone, stale := look(); gone || stale != "" {
		t.Errorf("before: gone %v, stale %q", gone, stale)
	}
	move(t, r.a.NS, away)
	if gone, _ := look(); !gone {
		t.Error("it is not gone while it is in another namespace")
	}
	move(t, away, r.a.NS)
	if gone, stale := look(); gone || stale != "it was elsewhere, and has lost its rings" {
		t.Errorf("afterwards: gone %v, stale %q", gone, stale)
	}
}

// move gives interface va of one namespace to another.
func move(t *testing.T, from, to *testnet.NS) {
	t.Helper()
	must(t, from.Do(func() error {
		l, err := netlink.LinkByName("va")
		if err != nil {
			return err
		}
		return netlink.LinkSetNsFd(l, to.FD())
	}))
}

// An interface whose name has become another's is not opened in its place, nor is
// one that is not there.
func TestLinkRenamed(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	r.a.Rename(t, "va", "old")
	refused := func(when string) {
		for _, transport := range []string{TransportAuto, TransportUDP} {
			if _, err := r.a.tryOpen(Options{Transport: transport}); !errors.Is(err, ErrGone) {
				t.Errorf("%s, %s: %v", when, transport, err)
			}
		}
	}
	refused("nobody has the name")
	testnet.Veth(t, r.a.NS, "va", testnet.NewNS(t, "c"), "vc")
	refused("another has the name")
}

// A queue is taken for some time after its socket was closed; opening waits.
func TestReopenAtOnce(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{Queues: 2})
	b := r.b.open(t, Options{})
	for n := range 5 {
		a, err := r.a.tryOpen(Options{Transport: TransportXDP})
		must(t, err)
		if failed := send(a.Port(0), r.a.template(v6), true, 1, 10); failed != 0 {
			t.Errorf("opening %d: %d frames failed", n, failed)
		}
		if k := len(receive(t, b.Port(0), 10)); k != 10 {
			t.Errorf("opening %d: received %d of 10", n, k)
		}
		must(t, a.Close())
	}
}

// Frames to a MAC that the program was not told of reach the UDP socket, and
// the ring again once it was.
func TestMACChanged(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	r.b.mac = packet.MAC{0x02, 0, 0, 0, 0x99, 0x01}
	r.b.SetMAC(t, "vb", r.b.mac[:])
	tmpl := r.a.template(v4)
	send(a.Port(0), tmpl, true, 1, 5)
	if list := receive(t, b.Port(0), 5); len(list) != 5 || list[0].DstMAC != (packet.MAC{}) {
		t.Errorf("before SetMAC: received %d of 5 from the socket", len(list))
	}
	must(t, b.SetMAC(r.b.mac))
	send(a.Port(0), tmpl, true, 1, 5)
	if list := receive(t, b.Port(0), 5); len(list) != 5 || list[0].DstMAC != r.b.mac {
		t.Errorf("after SetMAC: received %d of 5 from the ring", len(list))
	}
}

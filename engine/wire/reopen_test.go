package wire

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// The rings of an interface stay when its program changes, with what they count. In
// the same mode not one frame finds neither program.
func TestClimbKeepsRings(t *testing.T) {
	testnet.NoLeaks(t)
	const frames = 500
	r := newRig(t, netns.VethOptions{Queues: 2})
	b := r.b.open(t, Options{Transport: TransportGeneric}).Port(0)
	a, err := r.a.tryOpen(Options{Transport: TransportXDP})
	must(t, err)
	total := uint64(0)
	for _, asked := range []string{TransportXDP, TransportGeneric, TransportGeneric, TransportAuto} {
		mode, queue, sent := a.program.Mode(), a.queues[0], make(chan int)
		go func() {
			failed, tmpl := 0, r.b.template(v4)
			for n := range frames {
				failed += send(b, tmpl, true, n, 1)
				time.Sleep(50 * time.Microsecond)
			}
			sent <- failed
		}()
		o := a.options
		o.Transport = asked
		if !a.Keeps(o) {
			t.Fatalf("%s: the rings do not stay", asked)
		}
		var next *Interface
		must(t, r.a.Do(func() (err error) { next, err = a.Climb(o); return err }))
		if n := <-sent; n != 0 {
			t.Fatalf("%d frames were not sent", n)
		}
		must(t, a.Release(next))
		if a = next; a.queues[0] != queue || a.Rings() != 2 {
			t.Fatalf("%s: other rings", asked)
		}
		list := receive(t, a.Port(0), frames)
		for n, g := range list {
			if a.program.Mode() == mode && (g.number != n || g.frame == nil) {
				t.Fatalf("%s: frame %d is number %d, %d bytes", asked, n, g.number, len(g.frame))
			}
		}
		if a.program.Mode() == mode && len(list) != frames || len(list) == 0 {
			t.Errorf("%s: received %d of %d", asked, len(list), frames)
		}
		c := a.Counters()
		if total += uint64(len(list)); c["steered"]+c["pass_no_socket"] > total || c["steered"] < total/2 {
			t.Errorf("%s: %d frames in all, counters %v", asked, total, c)
		}
	}
	if name, why := a.Transport(); name != "xdp-native" || why == "" {
		t.Errorf("%s: %s", name, why)
	}
	conserved(t, "after", a)
	must(t, a.Close())
}

// What takes other rings, or rules of the card laid down anew, does not keep them.
func TestKeeps(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	native, generic := Options{Transport: TransportXDP}, Options{Transport: TransportGeneric}
	for _, tt := range []struct {
		name    string
		is, o   Options
		expects bool
	}{
		{"other mode", native, generic, true},
		{"by sockets", native, Options{Transport: TransportUDP}, false},
		{"from sockets", Options{Transport: TransportUDP}, native, false},
		{"to a queue of the card's", native, Options{Transport: TransportXDP, SteerTo: 1}, false},
		{"from a queue of the card's", Options{Transport: TransportXDP, SteerTo: 1}, native, false},
		{"zero copy not tried yet", generic, native, false},
	} {
		i, err := r.a.tryOpen(tt.is)
		must(t, err)
		if got := i.Keeps(tt.o); got != tt.expects {
			t.Errorf("%s: %v", tt.name, got)
		}
		must(t, i.Close())
	}
}

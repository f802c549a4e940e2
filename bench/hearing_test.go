package bench

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// Packets that the XDP program hears count, and break a silence, as others do.
func TestHearing(t *testing.T) {
	w := newWatch(2, interval, 3)
	lanes := fastpath.New(2)
	w.heard = newHearing(lanes, 2)
	w.heard.lane = []int32{1, -1}
	at := int64(1e9)
	up := packet.Control{State: packet.Up}
	arrive(w, 0, at, up)
	lanes.Heard[1] = fastpath.Heard{Last: at + 20*milli, Count: 2, Gap: 12 * milli}
	arrive(w, 0, at+29*milli, up)
	type seen struct {
		rx              uint64
		longest, beyond int64
	}
	look := func(at int64) seen { return seen{w.rx + w.heard.count(), w.longest(at), int64(w.gaps.AboveDetection)} }
	if diff := cmp.Diff(seen{4, 12 * milli, 0}, look(at+30*milli), cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The engine asks the program, too.
	if lanes.TakeGap(1); w.longest(at+30*milli) != 12*milli {
		t.Errorf("once the engine has asked, the longest gap is %d", w.longest(at+30*milli))
	}
	w.reset(at + 30*milli)
	lanes.Heard[1].Count, lanes.Heard[1].Last = 3, at+38*milli
	if diff := cmp.Diff(seen{1, 2 * milli, 0}, look(at+40*milli), cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("after a reset (-want +got):\n%s", diff)
	}
}

func TestPeerLive(t *testing.T) {
	o := options()
	o.Interval = 10_000_000
	for _, c := range []struct {
		dut      string
		sessions int
		every    bool
		want     bool
	}{
		{"xbfd", 4000, false, true},
		{"xbfd", 3999, false, false},
		{"xbfd", 4000, true, false},
		{"sockets", 8000, false, false},
		{"bird", 8000, false, false},
	} {
		o.everyPacket = c.every
		if got := o.peerLive(c.dut, c.sessions); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// The load peer can send live frames before any engine runs, and knows their price.
func TestPeerSendsLive(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	l, err := newLab(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	release, err := l.absorb()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startPeer(l, program(t), peerOptions{Sessions: 4, Interval: 10_000, Mult: 3, Heard: true, Live: true})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.ask(request{Op: opSend})
	if err != nil || answer.Send.Frame <= 0 || answer.Send.Frame > 1e5 {
		t.Errorf("%+v, %v", answer.Send, err)
	}
	if err := errors.Join(release(), p.part.end()); err != nil {
		t.Error(err)
	}
}

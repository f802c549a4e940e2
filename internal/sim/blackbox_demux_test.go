package sim

import (
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Once Up, T may change its address, its port and its MAC, one after the other;
// D goes on, and goes on sending to where it was told.
func TestPeerMoves(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	moves := []struct {
		name string
		do   func()
		rows []string
	}{
		{"source port", func() { b.srcPort = 1024 }, []string{"5881-4-06", "5880-6.3-03"}},
		{"source address", func() { b.path.Peer = packet.AddrFrom(netip.MustParseAddr("198.51.100.9")) }, []string{"5881-6-04", "5881-6-05", "5880-6.3-03"}},
		{"MAC", func() { b.path.PeerMAC = packet.MAC{2, 0, 0, 0, 9, 9} }, []string{"5880-6.3-03"}},
	}
	for _, m := range moves {
		m.do()
		before := b.status()
		all := b.during(10 * 150 * Millisecond)
		after := b.status()
		if after.State != packet.Up || after.Counters.Down != 0 || after.Counters.Rx-before.Counters.Rx < 30 {
			t.Errorf("%s changed: %v, %d more packets", m.name, after.State, after.Counters.Rx-before.Counters.Rx)
		}
		for _, h := range all {
			if h.dgram.Dst.Netip() != addr4T || h.dgram.DstMAC != (packet.MAC{2, 0, 0, 0, 0, 2}) {
				t.Errorf("%s changed: D sends to %v at %v", m.name, h.dgram.Dst.Netip(), h.dgram.DstMAC)
				break
			}
		}
		rows.Covers(t, m.rows...)
	}
}

// A thousand source ports spread T's packets over all queues and workers.
func TestAnyQueue(t *testing.T) {
	w := NewWorld(1)
	b := &bed{T: t, world: w, d: w.NewHost("d", 3)}
	b.plug(&b.tester, 1, addr4D, addr4T)
	b.say = packet.Control{State: packet.Down, DetectMult: 3, Length: 24, MyDiscr: testerDiscr, DesiredMinTx: 50_000, RequiredMinRx: 50_000}
	b.s = b.d.Add(p50, b.path)
	b.up()
	b.talk(0)
	before := b.status().Counters.Rx
	for i := range 1000 {
		b.world.After(session.Time(i)*10*Millisecond, func() {
			b.srcPort = uint16(1024 + i*61)
			b.once(func(*packet.Control) {})
		})
	}
	b.world.Run(10*Second + slack)
	taken := 0
	for _, q := range b.nic.queues {
		if q.Taken > 100 {
			taken++
		}
	}
	if st := b.status(); st.State != packet.Up || st.Counters.Rx-before < 1000 || taken != 3 {
		t.Errorf("%v, %d packets, %d queues in use", st.State, st.Counters.Rx-before, taken)
	}
	rows.Covers(t, "ENV-RQ-01", "5880-6.3-03")
}

// Two sessions between the same two hosts, in everything that may tell them
// apart: what befalls one does not touch the other.
func TestSessionsDoNotCrossFeed(t *testing.T) {
	tests := []struct {
		name     string
		ifindex  int32
		local    netip.Addr
		peer     netip.Addr
		coverage []string
	}{
		{"IPv4 and IPv6 on one link", 1, addr6D, addr6T, []string{"5881-2-02", "5880-6.3-06"}},
		{"the same addresses on two interfaces", 2, addr4D, addr4T, []string{"5881-2-01", "5881-3-03", "5880-6.3-06"}},
		{"other local address", 1, netip.MustParseAddr("192.0.2.99"), addr4T, []string{"5880-6.3-06"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t, p50)
			pairUp(b, tt.ifindex, tt.local, tt.peer)
			rows.Covers(t, tt.coverage...)
		})
	}
	t.Run("the same link-local addresses on two interfaces", func(t *testing.T) {
		pairUp(newBedAt(t, p50, addr6D, addr6T), 2, addr6D, addr6T)
		rows.Covers(t, "5881-6-07", "5881-3-03")
	})
}

// pairUp adds a second session to b, brings both Up, and lets each fall in turn.
func pairUp(b *bed, ifindex int32, local, peer netip.Addr) {
	b.Helper()
	o := &bed{T: b.T, world: b.world, d: b.d}
	if ifindex == b.nic.Ifindex {
		o.tester = tester{bed: o, nic: b.nic, out: b.out, path: path(ifindex, local, peer), srcPort: b.srcPort, answer: true}
		b.nic.out.far = &crossing{b, o}
	} else {
		o.plug(&o.tester, ifindex, local, peer)
	}
	o.say = b.say
	o.say.MyDiscr++
	o.s = o.d.Add(p50, o.path)
	b.up()
	o.up()
	b.world.Run(Second)

	// Without a discriminator only the addresses and the interface tell.
	b.once(func(c *packet.Control) { c.State, c.YourDiscr = packet.Down, 0 })
	b.world.Run(slack)
	b.stands("first session, restarted peer", packet.Down, packet.DiagNeighborDown)
	o.stands("second session meanwhile", packet.Up, 0)
	b.world.Run(5 * Second)
	b.say.State = packet.Down
	b.world.Run(Second)
	b.say.State = packet.Up
	b.world.Run(2 * Second)
	b.stands("first session again", packet.Up, packet.DiagNeighborDown)

	o.talk(0)
	o.answer = false
	o.downAfter("second session, silent peer", 150)
	b.stands("first session meanwhile", packet.Up, packet.DiagNeighborDown)
	if n := b.status().Counters.Down; n != 1 {
		b.Errorf("first session went down %d times", n)
	}
}

// crossing is the end of a link with two testers: each gets the frames of its own
// session.
type crossing struct{ a, b *bed }

func (c *crossing) arrive(f *frame) {
	if f.dgram.Src == c.b.path.Local && f.dgram.Dst == c.b.path.Peer {
		c.b.tester.arrive(f)
		return
	}
	c.a.tester.arrive(f)
}

// A second session for the same interface and addresses is refused.
func TestSecondSessionIsRefused(t *testing.T) {
	b := newBed(t, p50)
	d, err := b.d.Engine.Add(specOf(p50))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.d.Engine.SetPath(d, b.path); err == nil {
		t.Error("two sessions for one path")
	}
	rows.Covers(t, "5881-3-02")
}

// Flaps change neither discriminator nor source port.
func TestIdentity(t *testing.T) {
	b := newBed(t, p50)
	for range 10 {
		b.answer = true
		b.up()
		b.hush()
		b.world.Run(2 * Second)
	}
	first := b.heard[0]
	for _, h := range b.heard {
		if h.MyDiscr != first.MyDiscr || h.dgram.SrcPort != first.dgram.SrcPort {
			t.Fatalf("%#x from port %d, was %#x from %d", h.MyDiscr, h.dgram.SrcPort, first.MyDiscr, first.dgram.SrcPort)
		}
	}
	if n := b.status().Counters.Up; n != 10 {
		t.Errorf("came Up %d times", n)
	}
	rows.Covers(t, "5880-6.8.7-11", "5880-6.8.1-15", "5880-6.3-05", "5881-4-03")
}

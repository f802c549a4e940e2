package wirebed

import (
	"fmt"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// An active session sends though it hears nothing.
func TestActive(t *testing.T) {
	t.Parallel()
	s := with(p50)
	s.unadded = true
	on(t, s, func(b *bed) {
		b.add(s)
		b.awaitFirst()
		all := b.during(4 * time.Second)
		b.gaps("active, unheard", all, 3, 750, 1000)
		b.keeps("active, unheard", all, packet.Down, packet.DiagNone)
	})
	rows.Covers(t, "5880-6.1-01", "5880-6.1-05", "5880-6.8.1-08", "5880-6.8.1-09", "5880-6.8.1-10", "5881-3-01", "5880-6.8.3-05")
}

// A passive one does not, until its peer is heard.
func TestPassive(t *testing.T) {
	t.Parallel()
	p := p50
	p.Passive = true
	on(t, with(p), func(b *bed) {
		b.silent("passive and unheard", 1500*time.Millisecond)
		b.inject(b.frameOf(b.said()).ttl(254))
		b.silent("woken by a discarded packet", 200*time.Millisecond)
		b.replies(false)
		from := now()
		b.once(nil) // Down, no discriminator
		if h := b.says("the first of its peer", from, func(hearing) bool { return true }); h.State != packet.Init {
			b.Errorf("says %v", h.State)
		}
		b.tell(func(c *packet.Control) { c.DesiredMinTx = 300_000 })
		b.talk(270 * time.Millisecond)
		b.gaps("passive, heard", b.during(2500*time.Millisecond), 1, 750, 1000)
		b.hush()
		time.Sleep(900*time.Millisecond + slack)
		b.stands("silence", packet.Down, packet.DiagControlExpiry)
		b.silent("passive and its peer forgotten", 1500*time.Millisecond)
	})
	rows.Covers(t, "5880-6.1-02", "5880-6.1-03", "5880-6.8.7-17")
}

// A flood of valid packets delays nothing.
func TestFlood(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		b.talk(200 * time.Microsecond)
		rx := b.received()
		b.gaps("under a flood", periodic(b.during(2*time.Second)), 36, 37.5, 50)
		if n := b.received() - rx; n < 4000 {
			b.slow("%d packets in 2 s are no flood", n)
		}
	})
	rows.Covers(t, "5880-6.8.7-31")
}

// Input that flaps does not make D's output exceed its rate without bound.
func TestFlappingInput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		flap func(c *packet.Control, i uint32)
	}{
		{"required min rx", func(c *packet.Control, i uint32) { c.RequiredMinRx = 50_000 + i%2 }},
		{"my discriminator", func(c *packet.Control, i uint32) { c.MyDiscr += i % 2 }},
		{"state", func(c *packet.Control, i uint32) { c.State = []packet.State{packet.Down, packet.Init}[i%2] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			on(t, with(p50), func(b *bed) {
				b.up()
				b.talk(0)
				const seconds = 2
				from := now()
				for i := uint32(0); now() < from+seconds*time.Second; i++ {
					b.once(func(c *packet.Control) { tt.flap(c, i) })
					time.Sleep(time.Millisecond)
				}
				b.settle()
				if n := len(b.since(from)); n > seconds*(1000/37+10)+6 {
					b.Errorf("%d packets in %d s", n, seconds)
				}
			})
			rows.Covers(t, "5880-6.8.7-30")
		})
	}
}

// A change of D's own content leaves at once, once.
func TestChangeLeavesAtOnce(t *testing.T) {
	t.Parallel()
	on(t, with(ms(300, 300, 3)), func(b *bed) {
		b.up()
		for i, p := range []session.Params{ms(300, 300, 7), ms(300, 250, 7), ms(280, 250, 7)} {
			time.Sleep(250 * time.Millisecond)
			last := b.all()
			b.await(now(), time.Second, func(hearing) bool { return true })
			time.Sleep(20 * time.Millisecond) // into the gap
			from := now()
			b.configure(p)
			h := b.says(fmt.Sprintf("change %d of %d", i, len(last)), from, func(h hearing) bool { return !h.Final })
			if h.DetectMult != p.DetectMult || h.DesiredMinTx != p.DesiredMinTx || h.RequiredMinRx != p.RequiredMinRx {
				b.Errorf("change %d: sent %+v", i, h.Control)
			}
			// It took the place of the pending packet.
			all := periodic(b.during(400 * time.Millisecond))
			if len(all) > 0 && all[0].at == h.at {
				all = all[1:]
			}
			if len(all) == 0 || all[0].at-h.at < 200*time.Millisecond {
				b.Errorf("change %d: the next packet follows too soon or never", i)
			}
		}
	})
	rows.Covers(t, "5880-6.8.7-29")
}

// While the peer says so, its Required Min RX holds in every state; silence for a
// Detection Time ends it.
func TestPeersRateHoldsWhileDown(t *testing.T) {
	t.Parallel()
	t.Run("talking", func(t *testing.T) {
		t.Parallel()
		on(t, with(p50), func(b *bed) {
			b.up()
			b.tell(func(c *packet.Control) {
				c.State, c.RequiredMinRx, c.DesiredMinTx, c.DetectMult = packet.Down, 1_500_000, 200_000, 5
			})
			b.talk(180 * time.Millisecond)
			time.Sleep(400 * time.Millisecond)
			b.gaps("the peer takes a packet each 1.5 s", periodic(b.during(3200*time.Millisecond)), 1, 1125, 1500)
			b.hush()
			down := b.downAfter("silence", 1000)
			b.during(1100 * time.Millisecond)
			b.gaps("silence", b.since(down.at), 1, 750, 1000)
		})
		rows.Covers(t, "5880-6.8.18-03", "5880-6.8.18-04")
	})
	t.Run("last word", func(t *testing.T) {
		t.Parallel()
		on(t, with(p50), func(b *bed) {
			b.bring(packet.Up)
			down := func(c *packet.Control) {
				c.State, c.DesiredMinTx, c.RequiredMinRx = packet.Down, 1_200_000, 1_500_000
			}
			for _, want := range []packet.State{packet.Down, packet.Init} {
				from := now()
				b.once(down)
				b.says("Down", from, func(h hearing) bool { return h.State == want })
			}
			b.settle()
			first := len(periodic(b.all())) - 1
			last := b.downAfter("its timers are kept for a Detection Time", 3600)
			all := periodic(b.all())
			b.gaps("its timers are kept", all[first:len(all)-1], 1, 1125, 1500)
			b.during(1100 * time.Millisecond)
			b.gaps("and no longer", b.since(last.at), 1, 750, 1000)
		})
		rows.Covers(t, "5880-6.8.1-17", "5880-6.8.18-04")
	})
}

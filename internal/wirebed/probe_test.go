package wirebed

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A probe shows that D discards, or accepts, a certain kind of packet. draft
// makes the frame of a packet that would be valid if it were not for its kind;
// T's lock is held meanwhile.
type probe struct {
	name   string
	draft  func(b *bed, c packet.Control) *draft
	reason packet.Drop // why it is discarded
	rows   []string
}

// of makes a probe's draft from a change of the BFD packet's bytes.
func of(change func(b []byte)) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft {
		d := b.frameOf(c)
		change(d.payload)
		return d
	}
}

// edited makes it from a change of the frame.
func edited(spoil func(b []byte) []byte) func(*bed, packet.Control) *draft {
	return func(b *bed, c packet.Control) *draft { return b.frameOf(c).edit(spoil) }
}

// each runs one kind of probe for every one of a list, on a bed of its own.
func each(t *testing.T, s setup, probes []probe, run func(p probe, b *bed), always ...string) {
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			on(t, s, func(b *bed) { run(p, b) })
			rows.Covers(t, append(p.rows, always...)...)
		})
	}
}

// discard shows by four observations that D discards the packet: it is not
// answered, changes nothing, does not keep the session up, and is counted. D
// runs p50.
func (p probe) discard(b *bed) {
	b.Helper()
	b.up()
	counted := b.drops()
	ofSession := b.status().Discards
	sent := uint64(0)
	send := func(edit func(c *packet.Control)) {
		sent++
		b.mu.Lock()
		defer b.mu.Unlock()
		c := b.control()
		if edit != nil {
			edit(&c)
		}
		b.send(p.draft(b, c).bytes(), nil)
	}

	// No reply, while valid packets hold the session.
	send(func(c *packet.Control) { c.Poll = true })
	if n := len(finals(b.during(80 * time.Millisecond))); n != 0 {
		b.Errorf("answered with %d Finals", n)
	}

	p.changesNothing(b, send)

	// No refresh: D goes Down a Detection Time after the last valid packet.
	b.hush()
	for range 7 {
		send(nil)
		time.Sleep(20 * time.Millisecond)
	}
	b.downAfter("no refresh", 150)

	// Counted, under this name and no other.
	time.Sleep(5 * time.Millisecond)
	now := b.drops()
	for d := range packet.NumDrops {
		want := uint64(0)
		if d == p.reason {
			want = sent
		}
		if got := now[d] - counted[d]; got != want {
			b.Errorf("counter %v rose by %d, want %d", d, got, want)
		}
	}
	if p.reason > packet.DropTTL {
		if got := b.status().Discards[p.reason] - ofSession[p.reason]; got != sent {
			b.Errorf("the session's counter %v rose by %d, want %d", p.reason, got, sent)
		}
	}
}

// changesNothing sends the packet with odd values in it. A kind that is bound to
// a state keeps it.
func (p probe) changesNothing(b *bed, send func(edit func(c *packet.Control))) {
	b.Helper()
	before := b.status()
	send(func(c *packet.Control) {
		c.MyDiscr, c.DetectMult, c.DesiredMinTx, c.RequiredMinRx = 0x0dd0dd, 1, 1_000_000, 1_000_000
		c.State, c.Diag, c.Demand = packet.Down, packet.DiagPathDown, true
	})
	all := periodic(b.during(400 * time.Millisecond))
	b.gaps("after odd values", all, 6, 37.5, 50)
	b.keeps("after odd values", all, packet.Up, packet.DiagNone)
	if after := b.status(); after.Remote != before.Remote || after.DetectionTime != before.DetectionTime {
		b.Errorf("odd values were taken: remote %+v", after.Remote)
	}
	for _, h := range all {
		if h.YourDiscr != testerDiscr {
			b.Errorf("D's Your Discriminator became %#x", h.YourDiscr)
		}
	}
}

// accept shows the opposite: the packet is answered, keeps the session up, and
// is followed.
func (p probe) accept(b *bed) {
	b.Helper()
	b.up()
	before := b.drops()
	send := func(edit func(c *packet.Control)) {
		b.mu.Lock()
		defer b.mu.Unlock()
		c := b.control()
		if edit != nil {
			edit(&c)
		}
		b.validFrame(p.draft(b, c).bytes())
	}

	from := now()
	send(func(c *packet.Control) { c.Poll = true })
	if h := b.says("Final", from, func(h hearing) bool { return h.Final }); h.Poll {
		b.Errorf("a Final with P")
	}

	b.talk(0)
	for range 20 {
		send(nil)
		time.Sleep(20 * time.Millisecond)
	}
	b.stands("kept up by the packet alone", packet.Up, packet.DiagNone)
	from = now()
	send(func(c *packet.Control) { c.State = packet.Down })
	b.says("Down", from, func(h hearing) bool { return h.State == packet.Down && h.Diag == packet.DiagNeighborDown })
	if n := len(finals(b.all())); n != 1 {
		b.Errorf("answered with %d Finals, want 1", n)
	}
	if now := b.drops(); now != before {
		b.Errorf("counters of discards rose from %v to %v", before, now)
	}
}

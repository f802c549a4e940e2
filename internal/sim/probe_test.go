package sim

import (
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// A probe shows that D discards, or accepts, a certain kind of packet. draft
// makes the frame of a packet that would be valid if it were not for its kind.
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

// discard shows by four observations that D discards the packet: it is not
// answered, changes nothing, does not keep the session up, and is counted.
func (p probe) discard(b *bed) {
	b.Helper()
	b.up()
	counted := b.drops()
	ofSession := b.status().Discards
	sent := uint64(0)
	send := func(c packet.Control) {
		sent++
		b.out.send(b.world.copyFrame(p.draft(b, c).bytes(b))) // not among T's valid packets
	}

	// No reply, while valid packets hold the session.
	poll := b.control()
	poll.Poll = true
	send(poll)
	if n := len(finals(b.during(200 * Millisecond))); n != 0 {
		b.Errorf("answered with %d Finals", n)
	}

	p.changesNothing(b, send)

	// No refresh: D goes Down a Detection Time after the last valid packet.
	b.hush()
	for at := session.Time(0); at < 150*Millisecond; at += 20 * Millisecond {
		b.world.After(at, func() { send(b.control()) })
	}
	b.downAfter("no refresh", 150)
	b.world.Run(testDelay)

	// Counted, under this name and no other.
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
	if p.reason == packet.DropTTL || p.reason == packet.DropAuthUnexpected {
		if got := b.status().Discards[p.reason] - ofSession[p.reason]; got != sent {
			b.Errorf("the session's counter %v rose by %d, want %d", p.reason, got, sent)
		}
	}
}

// changesNothing sends the packet with odd values in it. A kind that is bound to
// a state keeps it.
func (p probe) changesNothing(b *bed, send func(packet.Control)) {
	b.Helper()
	before := b.status()
	odd := b.control()
	odd.MyDiscr, odd.DetectMult, odd.DesiredMinTx, odd.RequiredMinRx = 0x0dd0dd, 1, 1_000_000, 1_000_000
	odd.State, odd.Diag, odd.Demand = packet.Down, packet.DiagPathDown, true
	send(odd)
	b.gaps("after odd values", periodic(b.during(Second)), 18, 37.5, 50)
	after := b.status()
	if after.State != packet.Up || after.Remote != before.Remote || after.DetectionTime != before.DetectionTime {
		b.Errorf("odd values were taken: %v, remote %+v", after.State, after.Remote)
	}
	for _, h := range b.since(b.world.now - 200*Millisecond) {
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
	send := func(c packet.Control) { b.sendFrame(p.draft(b, c).bytes(b)) }

	poll := b.control()
	poll.Poll = true
	send(poll)
	if n := len(finals(b.during(10 * Millisecond))); n != 1 {
		b.Errorf("answered with %d Finals, want 1", n)
	}

	b.talk(0)
	for range 50 {
		send(b.control())
		b.world.Run(20 * Millisecond)
	}
	b.stands("kept up by the packet alone", packet.Up, packet.DiagNone)
	if b.status().Remote.Discr == 0 {
		b.Error("D has forgotten its peer")
	}
	down := b.control()
	down.State = packet.Down
	send(down)
	b.world.Run(slack)
	b.stands("after Down", packet.Down, packet.DiagNeighborDown)
	if now := b.drops(); now != before {
		b.Errorf("counters of discards rose from %v to %v", before, now)
	}
}

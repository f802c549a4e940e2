package sim

import (
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// The conformance tests put a device, D, on a test bed with a scripted tester,
// T, at the other end of a link. D is a whole engine; T sends what the test says
// and keeps everything that D sends, with the instant at which it left.

// testDelay is how long the link takes, exactly.
const testDelay = 100 * Microsecond

// Slack of a test: D wakes up on time, so all it may be late by is the tick of
// its wheel, and the way there and back.
const slack = 2*testDelay + 50*Microsecond

// bed is a device with one session, and the tester.
type bed struct {
	*testing.T
	world *World
	d     *Host
	s     *Session
	tester
}

// tester is T.
type tester struct {
	bed     *bed
	nic     *NIC // D's, that T is plugged to
	out     *Wire
	path    engine.Path // D's
	srcPort uint16

	say    packet.Control // what T says; Your Discriminator is filled in
	every  session.Time   // how often it says it; 0: not at all
	answer bool           // whether it answers Polls, at once
	talks  int            // how often talk was called
	lastAt session.Time   // arrival at D of T's last packet
	heard  []hearing
}

// hearing is a packet that T received.
type hearing struct {
	packet.Control
	at    session.Time // when D sent it
	dgram packet.Datagram
	frame []byte
}

var (
	addr4D, addr4T = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	addr6D, addr6T = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
)

const testerDiscr = 0x7e57e700

// ms makes the parameters of a session in milliseconds.
func ms(tx, rx float64, mult uint8) session.Params {
	return session.Params{DesiredMinTx: uint32(tx * 1000), RequiredMinRx: uint32(rx * 1000), DetectMult: mult}
}

var p50 = ms(50, 50, 3)

// newBed returns a bed whose session has just been added. T says Down with the
// same timers, once it is told to talk.
func newBed(t *testing.T, p session.Params) *bed { return newBedAt(t, p, addr4D, addr4T) }

func newBedAt(t *testing.T, p session.Params, local, peer netip.Addr) *bed {
	w := NewWorld(1)
	b := &bed{T: t, world: w, d: w.NewHost("d", 1)}
	b.plug(&b.tester, 1, local, peer)
	b.say = packet.Control{
		State: packet.Down, DetectMult: p.DetectMult, Length: packet.ControlLen, MyDiscr: testerDiscr,
		DesiredMinTx: max(p.DesiredMinTx, 1), RequiredMinRx: p.RequiredMinRx,
	}
	b.s = b.d.Add(p, b.path)
	return b
}

// plug joins a tester to interface ifindex of D.
func (b *bed) plug(t *tester, ifindex int32, local, peer netip.Addr) {
	link := b.world.NewLink("link", Conditions{Delay: testDelay})
	t.bed, t.answer, t.srcPort = b, true, 50_000
	t.path, t.out = path(ifindex, local, peer), link.Back
	t.nic = b.d.Plug(ifindex, link.There, link.Back)
	link.There.far = t
}

// arrive is T hearing a frame.
func (t *tester) arrive(f *frame) {
	w := t.bed.world
	h := hearing{at: w.now - testDelay, dgram: f.dgram, frame: append([]byte(nil), f.bytes()...)}
	w.giveBack(f)
	if h.dgram.Drop == packet.DropNone {
		h.dgram.Drop = h.Decode(h.dgram.Payload)
	}
	if h.dgram.Drop != packet.DropNone {
		t.bed.Errorf("D sent a frame that must be dropped: %v", h.dgram.Drop)
		return
	}
	t.heard = append(t.heard, h)
	if h.Poll && t.answer {
		final := t.control()
		final.Final = true
		t.send(final)
	}
}

// control is what T says now. It knows D's discriminator once it heard one.
func (t *tester) control() packet.Control {
	c := t.say
	if n := len(t.heard); n > 0 && c.YourDiscr == 0 {
		c.YourDiscr = t.heard[n-1].MyDiscr
	}
	return c
}

// send sends one packet as it is.
func (t *tester) send(c packet.Control) { t.sendFrame(t.frameOf(c).bytes(t.bed)) }

func (t *tester) sendFrame(b []byte) {
	t.lastAt = t.bed.world.now + testDelay
	t.out.send(t.bed.world.copyFrame(b))
}

// talk makes T say what it has to say now and every so often from then on;
// every 0 silences it.
func (t *tester) talk(every session.Time) {
	t.every = every
	t.talks++
	turn := t.talks
	var next func()
	next = func() {
		if t.talks != turn || t.every == 0 {
			return
		}
		t.send(t.control())
		t.bed.world.After(t.every, next)
	}
	next()
}

// hush makes T fall silent: it neither talks nor answers.
func (t *tester) hush() {
	t.talk(0)
	t.answer = false
}

// once sends one packet of what T says now, changed by edit.
func (t *tester) once(edit func(c *packet.Control)) {
	c := t.control()
	edit(&c)
	t.send(c)
}

// since returns what D sent at or after an instant.
func (t *tester) since(from session.Time) []hearing {
	for i, h := range t.heard {
		if h.at >= from {
			return t.heard[i:]
		}
	}
	return nil
}

// during lets d pass and returns what D sent in that time.
func (b *bed) during(d session.Time) []hearing {
	from := b.world.now
	b.world.Run(d + testDelay) // what left at the end has arrived, too
	return before(b.since(from), from+d)
}

func before(all []hearing, end session.Time) []hearing {
	for i, h := range all {
		if h.at > end {
			return all[:i]
		}
	}
	return all
}

// periodic leaves the Finals out.
func periodic(all []hearing) (some []hearing) {
	for _, h := range all {
		if !h.Final {
			some = append(some, h)
		}
	}
	return some
}

// finals leaves everything else out.
func finals(all []hearing) (some []hearing) {
	for _, h := range all {
		if h.Final {
			some = append(some, h)
		}
	}
	return some
}

// up brings the session Up and its Polls to an end, and lets a second pass, as
// UP(profile) has it. T then talks every interval less 10 %.
func (b *bed) up() {
	b.Helper()
	b.say.State = packet.Down
	b.world.Run(10 * Millisecond)
	b.say.YourDiscr = 0
	b.once(func(c *packet.Control) {})
	b.world.Run(slack)
	b.say.State = packet.Up
	interval := session.Time(max(b.say.DesiredMinTx, b.s.Params.RequiredMinRx)) * Microsecond
	b.talk(interval * 9 / 10)
	b.world.Run(max(Second, 3*interval))
	if st := b.status(); st.State != packet.Up || st.Polling {
		b.Fatalf("session is %v/%d, polling %v, after the handshake", st.State, st.Diag, st.Polling)
	}
}

func (b *bed) status() engine.Status { return b.s.Status() }

// stands checks state and diagnostic.
func (b *bed) stands(what string, state packet.State, diag packet.Diag) {
	b.Helper()
	if st := b.status(); st.State != state || st.Diag != diag {
		b.Errorf("%s: %v/%d, want %v/%d", what, st.State, st.Diag, state, diag)
	}
}

// gaps checks that every gap between consecutive packets lies in a window, in
// milliseconds, and that there are enough of them.
func (b *bed) gaps(what string, all []hearing, atLeast int, lo, hi float64) {
	b.Helper()
	if len(all) <= atLeast {
		b.Errorf("%s: %d packets, want more than %d", what, len(all), atLeast)
	}
	for i := 1; i < len(all); i++ {
		gap := float64(all[i].at-all[i-1].at) / 1e6
		if gap < lo || gap > hi+float64(slack)/1e6 {
			b.Errorf("%s: gap %d is %.3f ms, want %.3f to %.3f", what, i, gap, lo, hi)
			return
		}
	}
}

// downAfter waits for D to go Down and checks that this happens with diagnostic
// 1 a Detection Time after T's last packet arrived, given in milliseconds.
func (b *bed) downAfter(what string, detection float64) {
	b.Helper()
	want := session.Time(detection * 1e6)
	last := b.lastAt
	b.world.RunUntil(last)
	b.world.RunUntil(last + want - Millisecond/2)
	if st := b.status(); st.State != packet.Up && st.State != packet.Init {
		b.Errorf("%s: %v/%d %.3f ms after the last packet, before %.3f", what, st.State, st.Diag, float64(st.Change.At-last)/1e6, detection)
		return
	}
	b.world.RunUntil(last + want + Millisecond)
	st := b.status()
	if st.State != packet.Down || st.Diag != packet.DiagControlExpiry {
		b.Errorf("%s: %v/%d after the Detection Time of %.3f ms; D has %.3f, and heard T %.3f ms after its last packet",
			what, st.State, st.Diag, detection, float64(st.DetectionTime)/1e6, float64(st.LastRx-last)/1e6)
	} else if late := st.Change.At - last - want; late < 0 || late > slack {
		b.Errorf("%s: down %.3f ms after the last packet, want %.3f", what, float64(st.Change.At-last)/1e6, detection)
	}
}

// configure changes D's parameters.
func (b *bed) configure(p session.Params) { b.s.Configure(p) }

// drops returns D's discards.
func (b *bed) drops() engine.Discards { return b.d.Totals().Drops }

func specOf(p session.Params) engine.Spec { return engine.Spec{Params: p} }

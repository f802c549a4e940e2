package interop

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// spoiled are packets that must be discarded, each with the reason. An edit
// gets the whole frame; bfd is where the packet begins in it.
var spoiled = []struct {
	name, reason string
	cut          int // bytes to take off the payload
	edit         func(f []byte)
}{
	{"cut short", "short", 1, nil},
	{"version 0", "bad_version", 0, func(f []byte) { f[bfd] = 0 }},
	{"version 2", "bad_version", 0, func(f []byte) { f[bfd] = 2 << 5 }},
	{"version 7", "bad_version", 0, func(f []byte) { f[bfd] = 7 << 5 }},
	{"length 0", "bad_length_min", 0, func(f []byte) { f[bfd+3] = 0 }},
	{"length 23", "bad_length_min", 0, func(f []byte) { f[bfd+3] = 23 }},
	{"length 25 with authentication", "bad_length_min", 0, func(f []byte) { f[bfd+1] |= 4; f[bfd+3] = 25 }},
	{"length beyond the payload", "bad_length_max", 0, func(f []byte) { f[bfd+3] = 25 }},
	{"length 255", "bad_length_max", 0, func(f []byte) { f[bfd+3] = 255 }},
	{"multiplier 0", "zero_mult", 0, func(f []byte) { f[bfd+2] = 0 }},
	{"multipoint", "multipoint", 0, func(f []byte) { f[bfd+1] |= 1 }},
	{"no discriminator", "zero_my_discr", 0, func(f []byte) { clear(f[bfd+4 : bfd+8]) }},
	{"another's discriminator", "unknown_your_discr", 0, func(f []byte) { f[bfd+11] ^= 0x5a }},
	{"no discriminator of ours, init", "zero_your_discr_state", 0, func(f []byte) { state(f, packet.Init); clear(f[bfd+8 : bfd+12]) }},
	{"no discriminator of ours, up", "zero_your_discr_state", 0, func(f []byte) { state(f, packet.Up); clear(f[bfd+8 : bfd+12]) }},
	{"TTL 254", "ttl", 0, func(f []byte) { f[22] = 254 }},
	{"TTL 1", "ttl", 0, func(f []byte) { f[22] = 1 }},
	{"TTL 254, no discriminator, down", "ttl", 0, func(f []byte) { f[22] = 254; state(f, packet.Down); clear(f[bfd+8 : bfd+12]) }},
	{"unknown sender", "no_session", 0, func(f []byte) { f[29] = 77; state(f, packet.Down); clear(f[bfd+8 : bfd+12]) }},
	{"version 0 and multiplier 0", "bad_version", 0, func(f []byte) { f[bfd], f[bfd+2] = 0, 0 }},
	{"multiplier 0 and multipoint", "zero_mult", 0, func(f []byte) { f[bfd+1] |= 1; f[bfd+2] = 0 }},
}

const bfd = 42 // Ethernet, IPv4 without options, UDP

func state(f []byte, s packet.State) { f[bfd+1] = f[bfd+1]&0x3f | byte(s)<<6 }

// TestSpoiledPackets sends what must be discarded, as one who wants the session
// down would: each is counted under its reason, and changes nothing.
func TestSpoiledPackets(t *testing.T) {
	for _, transport := range []string{"xdp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			p := newTester(t, b, a, 100*time.Millisecond)
			d := start(t, a, "transport: "+transport+"\n"+oneSession(b, 100*time.Millisecond, ""))
			p.talk(t, 80*time.Millisecond)
			d.waitState(t, b.v4, "up")
			settled(t, d, b)
			before := d.session(t, b.v4)
			for _, c := range spoiled {
				had := discarded(t, d)
				mark := p.mark()
				const times = 5
				for range times {
					odd := p.hostile()
					p.frame(odd[:len(odd)-c.cut], c.edit)
				}
				eventually(t, patience, c.name+" is counted", func() bool { return discarded(t, d)[c.reason] == had[c.reason]+times })
				had[c.reason] += times
				if diff := cmp.Diff(had, discarded(t, d)); diff != "" {
					t.Errorf("%s: counters (-want +got):\n%s", c.name, diff)
				}
				if s, ok := first(p.all(mark), func(s sighting) bool { return !s.out && s.Final }); ok {
					t.Errorf("%s: answered by %v", c.name, s)
				}
			}
			unmoved(t, before, d.session(t, b.v4))
			for _, s := range p.all(0) {
				if !s.out && s.ttl != 255 {
					t.Errorf("xbfd sent %v with TTL %d", s, s.ttl)
				}
			}
			rows.Covers(t, "5880-9-01", "5082-3-02", "5880-6.8.6-01", "5880-6.8.6-02", "5880-6.8.6-03", "5880-6.8.6-04", "5880-6.8.6-06", "5880-6.8.6-07",
				"5880-6.8.6-08", "5880-6.8.6-09", "5880-6.8.6-10", "5880-6.8.6-13", "5880-6.8.6-30", "5881-5-02")
		})
	}
}

// hostile is a packet that would do harm if it were taken.
func (p *tester) hostile() []byte {
	c := p.change(func(*packet.Control) {})
	c.State, c.Poll, c.MyDiscr, c.DetectMult, c.DesiredMinTx, c.RequiredMinRx = packet.Down, true, 0xbad, 1, 1000, 0
	payload := make([]byte, packet.ControlLen)
	c.Put(payload)
	return payload
}

// discarded returns the counts of discarded packets, those that XDP dropped
// included.
func discarded(t testing.TB, d *daemon) map[string]uint64 {
	t.Helper()
	s := d.status(t)
	counts := map[string]uint64{"ttl": 0}
	for reason, n := range s.RxDiscarded {
		counts[reason] += n
	}
	for _, i := range s.Interfaces {
		counts["ttl"] += i.Counters["ttl"]
	}
	return counts
}

// unmoved wants a session to be as it was, but for what time does.
func unmoved(t testing.TB, before, after control.Session) {
	t.Helper()
	if after.Counters.Down != before.Counters.Down || after.Counters.Up != before.Counters.Up {
		t.Errorf("the session flapped: %+v", after.Counters)
	}
	moving := cmpopts.IgnoreFields(control.Session{}, "Counters", "UptimeSeconds", "StateSeconds", "LastRx", "LastChange", "FastPath", "Margin")
	if diff := cmp.Diff(before, after, moving, sameAddr); diff != "" {
		t.Errorf("the session moved:\n%s", diff)
	}
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// TestSpoiledPacketsDoNotRefresh lets the peer fall silent but for packets that
// must be discarded: detection goes by the last good one.
func TestSpoiledPacketsDoNotRefresh(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	p := newTester(t, b, a, 50*time.Millisecond)
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	p.talk(t, 40*time.Millisecond)
	d.waitState(t, b.v4, "up")
	settled(t, d, b)
	p.silence()
	mark := p.mark()
	heard, _ := last(p.all(0), func(s sighting) bool { return s.out })
	down := func(s sighting) bool { return !s.out && s.State == packet.Down }
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, ok := first(p.all(mark), down); ok {
			break
		}
		for _, c := range spoiled {
			odd := p.hostile()
			p.frame(odd[:len(odd)-c.cut], c.edit)
		}
	}
	const detection = mult * 50 * time.Millisecond
	said := p.wait(t, mark, "our Down", down)
	if silent := said.at - heard.at; silent < detection-wallClock || silent > detection+lateness+stalled(d.session(t, b.v4)) {
		t.Errorf("Down %v after the last good packet, want %v", silent, detection)
	}
	if said.Diag != packet.DiagControlExpiry {
		t.Errorf("%v", said)
	}
	rows.Covers(t, "5880-6.8.6-29", "5880-6.8.6-32")
}

// TestNoise sends frames of random bytes to the port: the session does not
// notice, and the daemon lives.
func TestNoise(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	p := newTester(t, b, a, 100*time.Millisecond)
	d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
	p.talk(t, 80*time.Millisecond)
	d.waitState(t, b.v4, "up")
	settled(t, d, b)
	before := d.session(t, b.v4)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		payload := make([]byte, rng.IntN(120))
		for i := range payload {
			payload[i] = byte(rng.Uint32())
		}
		p.frame(payload, func(f []byte) {
			if i%4 == 0 { // the headers behind the addresses too
				f[rng.IntN(bfd-14)+14] = byte(rng.Uint32())
			}
		})
		if i%100 == 0 {
			time.Sleep(2 * time.Millisecond) // no flood: that is another test
		}
	}
	time.Sleep(500 * time.Millisecond)
	after := d.session(t, b.v4)
	// The next port is that of echoes, and to return one is all that they do.
	after.Echo.Loop.Looped = before.Echo.Loop.Looped
	unmoved(t, before, after)
	if n := discarded(t, d)["short"]; n < 500 {
		t.Errorf("%d frames counted as short, of more than a thousand", n)
	}
	rows.Covers(t, "5880-6.8.6-32")
}

// TestOddPackets sends what is unusual and yet right: each Poll is answered.
func TestOddPackets(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	p := newTester(t, b, a, 100*time.Millisecond)
	d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
	p.talk(t, 80*time.Millisecond)
	d.waitState(t, b.v4, "up")
	settled(t, d, b)
	for _, c := range []struct {
		name string
		more int // bytes behind the packet
		edit func(f []byte)
	}{
		{"one byte behind", 1, nil},
		{"a thousand bytes behind", 1000, func(f []byte) { f[bfd+500] = 0xff }},
		{"diagnostic 31", 0, func(f []byte) { f[bfd] |= 31 }},
		{"Poll and Final", 0, func(f []byte) { f[bfd+1] |= packet.BitFinal }},
		{"control plane independent", 0, func(f []byte) { f[bfd+1] |= 8 }},
		{"desired interval 0", 0, func(f []byte) { clear(f[bfd+12 : bfd+16]) }},
		{"source port 1024", 0, func(f []byte) { f[34], f[35] = 4, 0 }},
		{"source port 49151", 0, func(f []byte) { f[34], f[35] = 0xbf, 0xff }},
		{"another source address", 0, func(f []byte) { f[29] = 78 }},
	} {
		mark := p.mark()
		odd := p.change(func(*packet.Control) {})
		odd.Poll = true
		payload := make([]byte, packet.ControlLen+c.more)
		odd.Put(payload)
		p.frame(payload, c.edit)
		p.wait(t, mark, c.name+": Final", func(s sighting) bool { return !s.out && s.Final && s.dst == b.v4 })
	}
	if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 || len(s.Counters.RxDiscarded) != 0 {
		t.Errorf("session %+v", s)
	}
	rows.Covers(t, "5880-6.8.6-05", "5880-6.8.6-31", "5880-6.8.6-22", "5880-6.3-03", "5881-4-06", "5881-4-07", "5881-6-04", "5881-6-05")
}

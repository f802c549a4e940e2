package wirebed

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

var echoSources = netlinkmon.EchoSource{Addresses: []netip.Addr{
	netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:ffff::1"),
}}

// echoing is a profile that asks for Echo packets each tx milliseconds.
func echoing(p session.Params, tx float64) session.Params {
	p.EchoTx = uint32(tx * 1000)
	return p
}

// onEcho is on for a D that has source addresses for Echo, and a T that takes a
// packet each rx milliseconds.
func onEcho(t *testing.T, s setup, rx float64, script func(b *bed)) {
	t.Helper()
	s.unadded = true
	on(t, s, func(b *bed) {
		b.d.SetEchoSource(echoSources)
		b.add(s)
		b.wantEcho(rx)
		script(b)
	})
}

// wantEcho makes T say a Required Min Echo RX in milliseconds.
func (b *bed) wantEcho(rx float64) {
	b.tell(func(c *packet.Control) { c.RequiredMinEchoRx = uint32(rx * 1000) })
}

// loop makes T forward D's Echo packets back after a time, or stop doing so.
func (t *tester) loop(on bool, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.relay = nil
	if on {
		t.relay = func(h *hearing) {
			if after == 0 {
				t.forward(h.frame)
				return
			}
			time.AfterFunc(after, func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				t.forward(h.frame)
			})
		}
	}
}

// forward does what a router does with a packet that is to go back: it has
// another Ethernet header and a TTL that is one less. The caller holds mu.
func (t *tester) forward(frame []byte) {
	b := slices.Clone(frame)
	copy(b[0:6], frame[6:12])
	copy(b[6:12], frame[0:6])
	if t.local.Is4() {
		b[ipStart+8]--
		fixIP(b)
	} else {
		b[ipStart+7]--
	}
	t.send(b, func(at time.Duration) { t.loopedAt = at })
}

// echoed returns the Echo packets of D since an instant.
func (t *tester) echoed(from time.Duration) (list []hearing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.echoes {
		if h.at >= from {
			list = append(list, h)
		}
	}
	return list
}

// echoesDuring lets d pass and returns the Echo packets that D sent meanwhile.
func (b *bed) echoesDuring(d time.Duration) []hearing {
	from := now()
	b.during(d)
	return b.echoed(from)
}

// awaitEcho waits for an Echo state.
func (b *bed) awaitEcho(want engine.EchoState) {
	b.Helper()
	for deadline := time.Now().Add(time.Second); b.status().Echo.State != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.tooLate("echo is %v, want %v", b.status().Echo.State, want)
		}
	}
}

// Own Echo packets: how they are addressed, when they may be sent, at what rate,
// and what they do to the Control packets.
func TestEcho(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(echoing(p50, 20)), "IPv6": with(echoing(p50, 20)).global6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEcho(t, s, 0, func(b *bed) {
				b.loop(true, 0)
				b.bring(packet.Init)
				time.Sleep(100 * time.Millisecond)
				b.up()
				if n := len(b.echoesDuring(200 * time.Millisecond)); n != 0 || len(b.echoed(0)) != 0 {
					b.Errorf("%d Echo packets, unwanted", len(b.echoed(0)))
				}
				from := now()
				b.wantEcho(100)
				b.polledOnce("echo begins", from, 1_000_000)
				all := b.echoesDuring(1200 * time.Millisecond)
				b.gaps("T takes one each 100 ms", all, 10, 75, 100)
				b.ownEchoes(all)
				b.wantEcho(200)
				time.Sleep(300 * time.Millisecond)
				b.gaps("T takes one each 200 ms", b.echoesDuring(1100*time.Millisecond), 3, 150, 200)
				b.wantEcho(50)
				time.Sleep(250 * time.Millisecond)
				b.gaps("T takes one each 50 ms", b.echoesDuring(500*time.Millisecond), 8, 37.5, 50)
				b.awaitEcho(engine.EchoActive)

				from = now()
				b.once(func(c *packet.Control) { c.RequiredMinEchoRx = 0 })
				b.wantEcho(0)
				b.polledOnce("echo ends", from, 50_000)
				if all := b.echoesDuring(500 * time.Millisecond); len(all) != 0 {
					b.Errorf("%d Echo packets, no longer wanted", len(all))
				}
				b.stands("at the end", packet.Up, packet.DiagNone)
			})
			rows.Covers(t, "5880-6.8.9-02", "5880-6.8.9-03", "5880-6.8.9-05", "5880-6.8.6-21", "5880-6.8.3-11", "5880-6.8.3-02", "5880-6.4-03", "5880-5-01",
				"5881-2-04", "5881-4-08", "5881-4-09", "5881-4-11", "5881-4-12", "5881-4-13")
		})
	}
}

// polledOnce waits for a Poll with a Required Min RX, and for its end.
func (b *bed) polledOnce(what string, from time.Duration, rx uint32) {
	b.Helper()
	poll, ok := b.await(from, time.Second, func(h hearing) bool { return h.Poll && h.RequiredMinRx == rx })
	if !ok {
		b.Fatalf("%s: no Poll with %d µs", what, rx)
	}
	if _, ok = b.await(poll.at, time.Second, func(h hearing) bool { return !h.Poll && !h.Final && h.RequiredMinRx == rx }); !ok {
		b.Fatalf("%s: the Poll does not end", what)
	}
}

// ownEchoes checks the frames of D's Echo packets.
func (b *bed) ownEchoes(all []hearing) {
	b.Helper()
	for _, h := range all {
		d := h.dgram
		source := d.Src.Netip()
		switch {
		case d.Drop != packet.DropNone:
			b.Errorf("echo: %v", d.Drop)
		case d.DstPort != 3785 || d.Dst != b.local || d.DstMAC != b.mac || d.SrcMAC != b.toMAC || d.TTL != 255:
			b.Errorf("echo: %+v", d)
		case !slices.Contains(echoSources.Addresses, source) || source.IsLinkLocalUnicast() || netip.MustParsePrefix("192.0.2.0/24").Contains(source):
			b.Errorf("echo from %v", source)
		case len(d.Payload) < 8 || binary.BigEndian.Uint32(d.Payload[4:]) != b.discr:
			b.Errorf("echo: payload % x names no session", d.Payload)
		default:
			continue
		}
		return
	}
}

// Not Up: no Echo packets, in whatever state and whatever T allows.
func TestEchoOnlyWhileUp(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.loop(true, 0)
		quiet := func(what string) {
			b.Helper()
			if n := len(b.echoesDuring(250 * time.Millisecond)); n != 0 {
				b.Errorf("%s: %d Echo packets", what, n)
			}
		}
		b.bring(packet.Init)
		quiet("Init")
		b.up()
		b.awaitEcho(engine.EchoActive)
		b.talk(0)
		b.once(func(c *packet.Control) { c.State = packet.Down })
		b.settle()
		quiet("Down")
		b.up()
		b.awaitEcho(engine.EchoActive)
		p := b.params
		p.AdminDown = true
		b.configure(p)
		time.Sleep(slack)
		quiet("AdminDown")
	})
	rows.Covers(t, "5880-6.8.9-01", "5880-6.1-06", "5880-6.1-07", "5880-6.8.16-01")
}

// Own Echo may start and stop at any time, and never exceeds its rate by that.
func TestEchoToggled(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		b.loop(true, 0)
		b.up()
		for i := range 20 {
			b.configure(p50)
			time.Sleep(time.Duration(1+4*i) * time.Millisecond)
			b.configure(echoing(p50, 50))
			time.Sleep(60 * time.Millisecond)
		}
		b.awaitEcho(engine.EchoActive)
		b.gaps("T takes one each 50 ms", b.echoed(0), 20, 37.5, 200)
		if st := b.status(); st.State != packet.Up || st.Counters.Down != 0 {
			b.Errorf("%v, went down %d times", st.State, st.Counters.Down)
		}
	})
	rows.Covers(t, "5880-6.8.13-01")
}

package interop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// echoPeer makes b a scripted peer that takes echoes and leaves them to its
// kernel to forward.
func echoPeer(t testing.TB, a, b *host, f family) *tester {
	t.Helper()
	p := newTester(t, b, a, echoInterval)
	if f.name == "IPv6" {
		p.over6()
	}
	p.change(func(c *packet.Control) { c.RequiredMinEchoRx = uint32(echoInterval.Microseconds()) })
	return p
}

// block keeps echoes from coming back: over IPv4 by ingress filtering, for which
// IPv6 has no such thing.
func (f family) block(t testing.TB, h *host, on bool) {
	t.Helper()
	if f.name == "IPv4" {
		h.filter(t, on)
		return
	}
	h.forward(t, !on)
}

// TestEchoThroughLinux sends echoes through a host that knows nothing of BFD but
// forwards, with Redirects allowed. As long as it filters, nothing depends on
// them; afterwards their loss takes the session down.
func TestEchoThroughLinux(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b, c := newLAN(t)
			b.forward(t, true)
			f.block(t, b, true)
			b.Sysctl(t, "net/ipv4/conf/all/send_redirects", "1")
			p := echoPeer(t, a, b, f)
			wire, bystander := newTap(t, b, packet.PortEcho), newTap(t, c, packet.PortEcho)
			d := start(t, a, echoSession(a, b, f, ""))
			p.talk(t, 40*time.Millisecond)
			to := f.of(b)

			d.waitEcho(t, to, "probing")
			s := d.steady(t, to, time.Second)
			if s.Echo.Sent < 10 || s.Echo.Returned != 0 || s.RequiredMinRx != 50_000 {
				t.Errorf("filtered: %+v", s)
			}
			rows.Covers(t, "5881-2-03")

			f.block(t, b, false)
			d.waitEcho(t, to, "active")
			d.waitReturns(t, to, 20)
			ourEchoes(t, wire, a, b, f)
			if n := bystander.mark(); n != 0 {
				t.Errorf("%d echoes went to a third host", n)
			}
			rows.Covers(t, "5881-2-04", "5881-4-08", "5881-4-09", "5881-4-11", "5881-4-12", "5881-4-13")
			noRedirects(t, wire, a, b, f)
			rows.Covers(t, "5881-4-10")

			mark := p.mark()
			b.forward(t, false)
			down := p.wait(t, mark, "our Down", func(s sighting) bool { return !s.out && s.State == packet.Down })
			back, _ := last(wire.all(0), func(s sighting) bool { return s.out && s.src == f.source && s.at < down.at })
			const detection = mult * echoInterval
			took := down.at - back.at
			t.Logf("Down %v after the last echo that came back, promised %v", took, detection)
			late := lateEchoes(wire.all(0), back.at, down.at)
			if down.Diag != packet.DiagEchoFailed || took < detection-wallClock || took > detection+late+lateness {
				t.Errorf("%v, %v after the last return, late by %v", down, took, late)
			}
			rows.Covers(t, "5880-6.8.5-01")
		})
	}
}

// lateEchoes is by how much our echoes left late between two times: a machine
// that stands still sends none, and what has not left cannot be lost.
func lateEchoes(list []sighting, from, to time.Duration) (late time.Duration) {
	before := from
	for _, s := range list {
		if !s.out && s.dstPort == packet.PortEcho && s.at > from && s.at < to {
			late += max(0, s.at-before-echoInterval)
			before = s.at
		}
	}
	return late + max(0, to-before-echoInterval)
}

// ourEchoes checks all that a tap at the peer saw of our echoes.
func ourEchoes(t testing.TB, wire *tap, a, b *host, f family) {
	t.Helper()
	us, them := packet.MAC(a.MAC(t, a.ifname)), packet.MAC(b.MAC(t, b.ifname))
	onLink := netip.PrefixFrom(a.v4, 24).Masked()
	if f.name == "IPv6" {
		onLink = netip.PrefixFrom(a.v6, 64).Masked()
	}
	ports := make(map[uint16]bool)
	for _, s := range wire.all(0) {
		ports[s.srcPort] = true
		if s.out {
			continue // as the kernel has forwarded it
		}
		if s.dstPort != packet.PortEcho || s.ttl != 255 || s.dst != f.of(a) || s.src != f.source || s.mac != us || s.to != them ||
			onLink.Contains(s.src) || s.src.IsLinkLocalUnicast() {
			t.Errorf("xbfd sent %v from %v to %v", s, s.mac, s.to)
		}
	}
	if len(ports) != 1 {
		t.Errorf("source ports %v, want one", ports)
	}
}

// noRedirects: the echoes gave no cause for one. An echo from an address of the
// link's subnet shows that the host does send them. It is another address than
// the echoes have, because Linux limits Redirects by destination.
func noRedirects(t testing.TB, wire *tap, a, b *host, f family) {
	t.Helper()
	if n := wire.redirected(); n != 0 {
		t.Errorf("%d redirects", n)
	}
	other := map[string]string{"IPv4": "192.0.2.9/24", "IPv6": "2001:db8::9/64"}[f.name]
	a.AddAddr(t, a.ifname, other)
	wrong := netip.MustParsePrefix(other).Addr()
	newInjector(t, a).send(t, datagram{
		mac: packet.MAC(a.MAC(t, a.ifname)), to: packet.MAC(b.MAC(t, b.ifname)), src: wrong, dst: wrong,
		srcPort: 50000, dstPort: packet.PortEcho, ttl: 255, payload: make([]byte, packet.EchoLen),
	})
	eventually(t, patience, "a redirect for an echo from the link's own subnet", func() bool { return wire.redirected() > 0 })
}

// TestEchoForged: neither a recorded echo, nor one that was lost and comes late,
// nor a changed one, nor one that did not come through the peer, keeps a session
// up or does any harm.
func TestEchoForged(t *testing.T) {
	t.Parallel()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			b.forward(t, true)
			p := echoPeer(t, a, b, f)
			wire := newTap(t, b, packet.PortEcho)
			// The first detection time is for echoes that are lost on purpose.
			d := start(t, a, withMultiplier(echoSession(a, b, f, ""), 2*mult))
			p.talk(t, 40*time.Millisecond)
			to := f.of(b)
			d.waitEcho(t, to, "active")
			in := newInjector(t, b)

			mark := wire.mark()
			b.forward(t, false)
			lost := wire.wait(t, mark, "an echo that is not forwarded", func(s sighting) bool { return !s.out })
			time.Sleep(100 * time.Millisecond)
			b.forward(t, true)
			time.Sleep(2100 * time.Millisecond)
			forgeries := forgeries(wire, lost)
			for _, g := range forgeries {
				in.send(t, g.datagram)
			}
			eventually(t, patience, "every forgery is counted", func() bool {
				n := d.session(t, to).Counters.RxDiscarded
				n["ttl"] = d.status(t).Interfaces[0].Counters["ttl"] // dropped by the XDP program
				for _, g := range forgeries {
					if n[g.reason] == 0 {
						return false
					}
				}
				return true
			})
			d.steady(t, to, 0)

			b.forward(t, false)
			eventually(t, patience, "the session fails all the same", func() bool {
				for _, g := range forgeries {
					in.send(t, g.datagram)
				}
				return d.session(t, to).Counters.Down == 1
			})
			if s := d.session(t, to); s.Diagnostic != "echo-failed" {
				t.Errorf("session %+v", s)
			}
			rows.Covers(t, "5880-5-02")
		})
	}
}

type forgery struct {
	reason string
	datagram
}

// forgeries makes them from an echo that came back and one that did not.
func forgeries(wire *tap, lost sighting) []forgery {
	back, _ := last(wire.all(0), func(s sighting) bool { return s.out })
	stale := back.again()
	stale.payload = lost.payload
	replayed := back.again()
	changed := back.again()
	changed.payload = append([]byte(nil), back.payload...)
	changed.payload[11]++ // its number
	reflected := back.again()
	reflected.ttl = 255
	return []forgery{{"echo_stale", stale}, {"echo_replayed", replayed}, {"echo_bad_auth", changed}, {"ttl", reflected}}
}

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
	"github.com/xbfd/xbfd/packet"
)

// alone is a bed of unaffiliated Echo: T only forwards, and does not know BFD.
func alone(p session.Params) setup {
	s := with(p)
	s.Params.Kind = session.Unaffiliated
	s.unadded = true
	return s
}

func onAlone(t *testing.T, s setup, script func(b *bed)) {
	t.Helper()
	on(t, s, func(b *bed) {
		b.d.SetEchoSource(echoSources)
		b.add(s)
		script(b)
	})
}

// looping makes T forward D's packets back, each changed by edit.
func (b *bed) looping(edit func(d *draft, c *packet.Control)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.relay = func(h *hearing) {
		if edit == nil {
			b.forward(h.frame)
			return
		}
		d := b.homeward(h)
		var c packet.Control
		c.Decode(d.payload)
		edit(d, &c)
		c.Put(d.payload)
		b.send(d.bytes(), nil)
	}
}

// homeward is the draft of a packet of D's on its way back.
func (t *tester) homeward(h *hearing) *draft {
	return &draft{path: packet.Path{
		SrcMAC: t.fromMAC, DstMAC: t.toMAC, Src: h.dgram.Src, Dst: h.dgram.Dst,
		SrcPort: h.dgram.SrcPort, DstPort: h.dgram.DstPort, TTL: h.dgram.TTL - 1,
	}, payload: slices.Clone(h.dgram.Payload)}
}

// awaitUp waits until the session's own packets have brought it Up.
func (b *bed) awaitUp() {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Second); b.status().State != packet.Up; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.tooLate("%v with its packets looped", b.status().State)
		}
	}
}

// controls are D's looped packets as what they are.
func controls(b *bed, all []hearing) (list []hearing) {
	b.Helper()
	for _, h := range all {
		if h.dgram.Drop != packet.DropNone || h.Decode(h.dgram.Payload) != packet.DropNone {
			b.Fatalf("sent % x", h.frame)
		}
		list = append(list, h)
	}
	return list
}

// The session comes Up on its own packets and goes Down without; whatever T does
// to their fields means nothing.
func TestUnaffiliated(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": alone(p50), "IPv6": alone(p50).global6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAlone(t, s, func(b *bed) {
				b.during(2200 * time.Millisecond)
				all := controls(b, b.echoed(0))
				b.gaps("nothing returns", all, 1, 750, 1000)
				b.keeps("nothing returns", all, packet.Down, packet.DiagNone)
				b.looping(func(_ *draft, c *packet.Control) {
					c.DesiredMinTx, c.RequiredMinRx, c.RequiredMinEchoRx, c.DetectMult = 3_000_000, 3_000_000, 0, 77
				})
				b.awaitUp()
				time.Sleep(100 * time.Millisecond)
				all = controls(b, b.echoesDuring(time.Second))
				b.gaps("Up", all, 18, 37.5, 50)
				b.loop(false, 0)
				b.settle()
				all = controls(b, b.echoed(0))
				b.mu.Lock()
				last := all[len(all)-1].at
				b.mu.Unlock()
				b.during(300 * time.Millisecond)
				down := slices.IndexFunc(controls(b, b.echoed(last)), func(h hearing) bool { return h.State == packet.Down })
				if down < 0 {
					b.tooLate("not Down without returns: %v", b.status().State)
				}
				h := controls(b, b.echoed(last))[down]
				if took := h.at - last; h.Diag != packet.DiagEchoFailed || took < 100*time.Millisecond-ahead {
					b.Errorf("%v/%d after %v", h.State, h.Diag, took)
				} else if took > 150*time.Millisecond+slack {
					b.slow("Down after %v", took)
				}
				checkAlone(b, controls(b, b.echoed(0)))
				if n := len(b.all()); n != 0 {
					b.Errorf("%d packets to port 3784", n)
				}
			})
			rows.Covers(t, "9747-2-01", "9747-2-02", "9747-2-05", "9747-2-07", "9747-2-08", "9747-2-09", "9747-2-11", "9747-2-12", "9747-2-13", "9747-3-01")
		})
	}
}

// checkAlone is what holds for every packet of unaffiliated Echo.
func checkAlone(b *bed, all []hearing) {
	b.Helper()
	states := map[packet.State]bool{}
	for i, h := range all {
		states[h.State] = true
		switch {
		case h.dgram.DstPort != 3785 || h.dgram.TTL != 255 || h.dgram.Dst != b.local || !slices.Contains(echoSources.Addresses, h.dgram.Src.Netip()):
			b.Errorf("packet %d: %+v", i, h.dgram)
		case h.DesiredMinTx != 1_000_000 || h.RequiredMinRx != 1_000_000 || h.RequiredMinEchoRx != 0 || h.DetectMult != 3 || h.Length != 24:
			b.Errorf("packet %d: %+v", i, h.Control)
		case h.MyDiscr != b.discr || h.YourDiscr != 0 && h.YourDiscr != h.MyDiscr || h.State == packet.Up && h.YourDiscr == 0:
			b.Errorf("packet %d: %v from %#x to %#x", i, h.State, h.MyDiscr, h.YourDiscr)
		default:
			continue
		}
		return
	}
	for _, s := range []packet.State{packet.Down, packet.Init, packet.Up} {
		if !states[s] {
			b.Errorf("never said %v", s)
		}
	}
	if states[packet.AdminDown] {
		b.Errorf("said AdminDown")
	}
}

// What comes back otherwise than by one hop, or spoilt, has not come back.
func TestUnaffiliatedDiscards(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		edit   func(d *draft, c *packet.Control)
		reason packet.Drop
		row    string
	}{
		{"TTL 255", func(d *draft, _ *packet.Control) { d.path.TTL = 255 }, packet.DropTTL, "9747-2-06"},
		{"TTL 253", func(d *draft, _ *packet.Control) { d.path.TTL = 253 }, packet.DropTTL, "9747-2-06"},
		{"TTL 64", func(d *draft, _ *packet.Control) { d.path.TTL = 64 }, packet.DropTTL, "9747-2-06"},
		{"mult 0", func(_ *draft, c *packet.Control) { c.DetectMult = 0 }, packet.DropZeroMult, "9747-2-03"},
		{"M", func(_ *draft, c *packet.Control) { c.Multipoint = true }, packet.DropMultipoint, "9747-2-03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onAlone(t, alone(p50), func(b *bed) {
				b.looping(nil)
				b.awaitUp()
				time.Sleep(150 * time.Millisecond)
				drops := b.drops()
				b.looping(tt.edit)
				time.Sleep(150*time.Millisecond + 2*slack)
				b.stands(tt.name, packet.Down, packet.DiagEchoFailed)
				now := b.drops()
				for d := range packet.NumDrops {
					if rose := now[d] != drops[d]; rose != (d == tt.reason) {
						b.Errorf("counter %v rose by %d", d, now[d]-drops[d])
					}
				}
			})
			rows.Covers(t, tt.row)
		})
	}
}

// First packets, which name no session, go by their source: of two sessions with
// one local address each comes Up on its own packets.
func TestUnaffiliatedSessionsDoNotCrossFeed(t *testing.T) {
	t.Parallel()
	s := alone(p50)
	onAlone(t, s, func(b *bed) {
		o := b.beside(b.ifname, s.between(s.local, netip.MustParseAddr("192.0.2.3")))
		loops := func(of ...*bed) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.relay = func(h *hearing) {
				my := binary.BigEndian.Uint32(h.dgram.Payload[4:])
				if slices.ContainsFunc(of, func(b *bed) bool { return b.discr == my }) {
					b.forward(h.frame)
				}
			}
		}
		loops(o)
		o.awaitUp()
		if st := b.status().State; st != packet.Down {
			b.Errorf("the first session is %v", st)
		}
		loops(b, o)
		b.awaitUp()
		loops(b)
		time.Sleep(150*time.Millisecond + slack)
		o.stands("without returns", packet.Down, packet.DiagEchoFailed)
		b.stands("with returns", packet.Up, packet.DiagNone)
	})
	rows.Covers(t, "9747-2-04")
}

// Authenticated, it takes only what it has signed.
func TestUnaffiliatedAuthenticated(t *testing.T) {
	t.Parallel()
	s := alone(p50)
	on(t, s, func(b *bed) {
		b.d.SetEchoSource(echoSources)
		b.d.must(b.d.Engine().SetKey(1, meticulousSHA1, packet.NewSecret([]byte(secret))))
		s.Auth = engine.Auth{On: true, Key: 1, KeyID: keyID}
		b.add(s)
		b.looping(nil)
		b.awaitUp()
		time.Sleep(150 * time.Millisecond)
		drops := b.drops()
		b.mu.Lock()
		b.relay = func(h *hearing) {
			d := b.homeward(h)
			d.payload[len(d.payload)-1] ^= 1
			b.send(d.bytes(), nil)
		}
		b.mu.Unlock()
		time.Sleep(150*time.Millisecond + 2*slack)
		b.stands("forged", packet.Down, packet.DiagEchoFailed)
		if n := b.drops()[packet.DropAuthDigest] - drops[packet.DropAuthDigest]; n == 0 {
			b.Errorf("forged packets are not counted")
		}
	})
	rows.Covers(t, "9747-5-01", "9747-2-03")
}

package wirebed

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// life takes a session through every state, with Polls both ways, a timeout, an
// administrative Down and a change of timers, and leaves all of it in b.all().
func life(b *bed) {
	b.awaitFirst()
	b.up()
	b.answered("Up", nil)
	b.configure(ms(100, 80, 5))
	time.Sleep(300 * time.Millisecond)
	b.tell(func(c *packet.Control) { c.Diag, c.State = packet.DiagPathDown, packet.Down })
	time.Sleep(200 * time.Millisecond)
	b.tell(func(c *packet.Control) { c.State = packet.Up })
	time.Sleep(500 * time.Millisecond)
	b.hush()
	b.downAfter("silence", 240)
	p := b.params
	p.AdminDown = true
	b.configure(p)
	time.Sleep(1100 * time.Millisecond)
	p.AdminDown = false
	b.configure(p)
	time.Sleep(200 * time.Millisecond)
	b.settle()
}

// Every frame, read by a decoder that shares no code with what made it.
func TestEveryPacketSent(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(p50), "IPv6": with(p50).v6()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, s, func(b *bed) {
				life(b)
				states := map[layers.BFDState]bool{}
				polls, answers := 0, 0
				all := b.all()
				for i, h := range all {
					bfd := checkFrame(b, i, h)
					states[bfd.State] = true
					if uint32(bfd.MyDiscriminator) != b.discr || h.dgram.SrcPort != all[0].dgram.SrcPort {
						b.Errorf("packet %d: discriminator %#x, port %d", i, bfd.MyDiscriminator, h.dgram.SrcPort)
					}
					if bfd.Poll {
						polls++
					}
					if bfd.Final {
						answers++
					}
				}
				for _, s := range []layers.BFDState{layers.BFDStateAdminDown, layers.BFDStateDown, layers.BFDStateInit, layers.BFDStateUp} {
					if !states[s] {
						b.Errorf("never sent state %v", s)
					}
				}
				if answers != 1 || polls == 0 {
					b.Errorf("%d Finals for one Poll, %d Polls of its own", answers, polls)
				}
			})
			rows.Covers(t, "5880-4.1-01", "5880-4.1-02", "5880-4.1-04", "5880-4.1-05", "5880-4.1-06", "5880-6.8.7-04", "5880-6.8.7-05",
				"5880-6.8.7-07", "5880-6.8.7-10", "5880-6.8.7-11", "5880-6.8.7-15", "5880-6.8.7-16",
				"5881-4-01", "5881-4-02", "5881-4-03", "5881-5-01", "5082-3-01", "5082-5.4-01", "ENV-UDP-03", "7419-A-01")
		})
	}
}

// checkFrame is what holds for every frame of life.
func checkFrame(b *bed, i int, h hearing) *layers.BFD {
	b.Helper()
	p := gopacket.NewPacket(h.frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		b.Fatalf("packet %d: %v", i, p.ErrorLayer().Error())
	}
	udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	bfd := p.Layer(layers.LayerTypeBFD).(*layers.BFD)
	raw := udp.LayerPayload()
	switch {
	case bfd.Version != 1 || raw[0]>>5 != 1:
		b.Errorf("packet %d: version %d", i, bfd.Version)
	case bfd.Multipoint || bfd.AuthPresent || bfd.Demand || bfd.ControlPlaneIndependent || bfd.Poll && bfd.Final:
		b.Errorf("packet %d: flags %#x", i, raw[1])
	case bfd.Diagnostic > 8:
		b.Errorf("packet %d: diagnostic %d", i, bfd.Diagnostic)
	case raw[3] != 24 || len(raw) != 24:
		b.Errorf("packet %d: length %d in %d bytes", i, raw[3], len(raw))
	case bfd.DetectMultiplier != 3 && bfd.DetectMultiplier != 5:
		b.Errorf("packet %d: multiplier %d", i, bfd.DetectMultiplier)
	case bfd.DesiredMinTxInterval == 0 || bfd.State != layers.BFDStateUp && bfd.DesiredMinTxInterval != 1_000_000:
		b.Errorf("packet %d: desired min tx %d in %v", i, bfd.DesiredMinTxInterval, bfd.State)
	case bfd.RequiredMinEchoRxInterval != 0:
		b.Errorf("packet %d: echo %d", i, bfd.RequiredMinEchoRxInterval)
	case udp.DstPort != 3784 || udp.SrcPort < 49152:
		b.Errorf("packet %d: from port %d to %d", i, udp.SrcPort, udp.DstPort)
	case udp.Checksum == 0 || pseudo(append(udp.Contents, raw...), h.dgram.Src, h.dgram.Dst) != 0xffff:
		b.Errorf("packet %d: UDP checksum", i)
	}
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
		if ip.TTL != 255 || ip.Flags != layers.IPv4DontFragment || ip.FragOffset != 0 || add(0, ip.Contents) != 0xffff {
			b.Errorf("packet %d: TTL %d, flags %v, or header checksum", i, ip.TTL, ip.Flags)
		}
	} else if ip := p.NetworkLayer().(*layers.IPv6); ip.HopLimit != 255 {
		b.Errorf("packet %d: hop limit %d", i, ip.HopLimit)
	}
	return bfd
}

// What each field says in each state.
func TestFields(t *testing.T) {
	t.Parallel()
	on(t, with(ms(50, 70, 7)), func(b *bed) {
		check := func(what string, h hearing, state packet.State, diag packet.Diag, your, tx uint32) {
			t.Helper()
			want := packet.Control{
				State: state, Diag: diag, Poll: h.Poll, DetectMult: 7, Length: 24,
				MyDiscr: b.discr, YourDiscr: your, DesiredMinTx: tx, RequiredMinRx: 70_000,
			}
			if h.Control != want {
				b.Errorf("%s: %+v, want %+v", what, h.Control, want)
			}
			if st := b.status().State; st != state {
				b.Errorf("%s: the API says %v, want %v", what, st, state)
			}
		}
		check("created", b.awaitFirst(), packet.Down, 0, 0, 1_000_000)
		from := now()
		b.once(nil)
		check("heard Down", b.says("Init", from, func(h hearing) bool { return h.State == packet.Init }), packet.Init, 0, testerDiscr, 1_000_000)
		from = now()
		b.tell(func(c *packet.Control) { c.State = packet.Up })
		b.once(nil)
		check("heard Up", b.says("Up", from, func(h hearing) bool { return h.State == packet.Up }), packet.Up, 0, testerDiscr, 50_000)
		b.stay()
		// The field is what D wishes, not what was agreed.
		b.tell(func(c *packet.Control) { c.RequiredMinRx, c.MyDiscr = 200_000, testerDiscr+1 })
		time.Sleep(250 * time.Millisecond)
		all := periodic(b.during(250 * time.Millisecond))
		if len(all) == 0 {
			b.tooLate("nothing heard in 250 ms")
		}
		check("peer wants 200 ms and has a new discriminator", all[0], packet.Up, 0, testerDiscr+1, 50_000)
		if got := binary.BigEndian.Uint32(all[0].frame[bfdStart+12:]); got != 0x0000c350 {
			b.Errorf("50 ms reads %#08x on the wire", got)
		}
		b.hush()
		check("silent", b.downAfter("silence", 490), packet.Down, packet.DiagControlExpiry, 0, 1_000_000)
	})
	rows.Covers(t, "5880-4.1-03", "5880-6.8.7-01", "5880-6.8.7-02", "5880-6.8.7-09", "5880-6.8.7-12", "5880-6.8.7-13", "5880-6.8.7-14",
		"5880-6.8.1-01", "5880-6.8.1-02", "5880-6.8.1-05", "5880-6.8.1-07", "5880-6.8.1-08")
}

// Intervals and multipliers of all sizes are sent as they are.
func TestAnyValueIsAdvertised(t *testing.T) {
	t.Parallel()
	on(t, with(p50), func(b *bed) {
		b.up()
		for i, v := range []uint32{1, 3_300, 10_000, 20_000, 100_000, 1_000_000, 1<<32 - 1, 0} {
			p := session.Params{DesiredMinTx: max(v, 1), RequiredMinRx: v, DetectMult: []uint8{1, 3, 255}[i%3]}
			if p.DesiredMinTx < 1000 {
				p.DesiredMinTx = 1000 + uint32(i) // T keeps up with rx, not with a million packets a second
			}
			from := now()
			b.configure(p)
			if _, ok := b.await(from, time.Second, func(h hearing) bool {
				return h.DesiredMinTx == p.DesiredMinTx && h.RequiredMinRx == v && h.DetectMult == p.DetectMult
			}); !ok {
				b.Errorf("%+v is never sent", p)
			}
			time.Sleep(110 * time.Millisecond) // the bucket of extra packets fills again
		}
		if st := b.status(); st.State != packet.Up || st.Counters.Down != 0 {
			b.Errorf("%v, went down %d times", st.State, st.Counters.Down)
		}
	})
	rows.Covers(t, "5880-6.8.10-01", "5880-6.8.11-01", "5880-6.8.7-09", "5880-6.8.1-11", "7419-3-01")
}

// Discriminators look random: those of sessions made one after the other neither
// count up nor repeat, and a device that starts again has others.
func TestDiscriminatorsLookRandom(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	var list []uint32
	for range 4 {
		on(t, with(p50), func(b *bed) {
			list = append(list, b.awaitFirst().MyDiscr)
			o := b.beside(b.ifname, with(p50).v6())
			list = append(list, o.awaitFirst().MyDiscr)
		})
	}
	steps := map[uint32]bool{}
	for i, d := range list {
		if d == 0 || seen[d] {
			t.Errorf("discriminator %#x again, of %#x", d, list)
		}
		seen[d] = true
		if i > 0 {
			steps[d-list[i-1]] = true
		}
	}
	if len(steps) != len(list)-1 {
		t.Errorf("discriminators grow by the same step: %#x", list)
	}
	rows.Covers(t, "5880-6.3-02")
}

package sim

import (
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// life takes a session through every state, with Polls both ways, a timeout, an
// administrative Down and a change of timers, and leaves all of it in b.heard.
func life(t *testing.T, v6 bool) *bed {
	b := newBed(t, p50)
	if v6 {
		b = newBedAt(t, p50, addr6D, addr6T)
	}
	b.world.Run(2 * Second) // Down, unheard
	b.up()
	b.once(func(c *packet.Control) { c.Poll = true })
	b.world.Run(Second)
	b.configure(ms(100, 80, 5))
	b.world.Run(Second)
	b.say.Diag = packet.DiagPathDown
	b.say.State = packet.Down
	b.world.Run(2 * Second)
	b.say.State = packet.Up
	b.world.Run(2 * Second)
	b.hush()
	b.world.Run(3 * Second) // Down by silence
	p := b.s.Params
	p.AdminDown = true
	b.configure(p)
	b.world.Run(2 * Second)
	p.AdminDown = false
	b.configure(p)
	b.world.Run(2 * Second)
	return b
}

// Every frame, read by a decoder that shares no code with what made it.
func TestEveryPacketSent(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := life(t, v6)
		states := map[layers.BFDState]bool{}
		polls, answers := 0, 0
		for i, h := range b.heard {
			bfd := checkFrame(t, i, h.frame, v6)
			states[bfd.State] = true
			if uint32(bfd.MyDiscriminator) != b.s.Discr || h.dgram.SrcPort != b.heard[0].dgram.SrcPort {
				t.Errorf("packet %d: discriminator %#x, port %d", i, bfd.MyDiscriminator, h.dgram.SrcPort)
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
				t.Errorf("never sent state %v", s)
			}
		}
		if answers != 1 || polls == 0 {
			t.Errorf("%d Finals for one Poll, %d Polls of its own", answers, polls)
		}
	}
	rows.Covers(t, "5880-4.1-01", "5880-4.1-02", "5880-4.1-04", "5880-4.1-05", "5880-4.1-06", "5880-6.8.7-04", "5880-6.8.7-05",
		"5880-6.8.7-07", "5880-6.8.7-10", "5880-6.8.7-11", "5880-6.8.7-15", "5880-6.8.7-16",
		"5881-4-01", "5881-4-02", "5881-4-03", "5881-5-01", "5082-3-01", "5082-5.4-01", "ENV-UDP-03", "7419-A-01")
}

// checkFrame is what holds for every frame of life.
func checkFrame(t *testing.T, i int, frame []byte, v6 bool) *layers.BFD {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		t.Fatalf("packet %d: %v", i, p.ErrorLayer().Error())
	}
	udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	bfd := p.Layer(layers.LayerTypeBFD).(*layers.BFD)
	raw := udp.LayerPayload()
	switch {
	case bfd.Version != 1 || raw[0]>>5 != 1:
		t.Errorf("packet %d: version %d", i, bfd.Version)
	case bfd.Multipoint || bfd.AuthPresent || bfd.Demand || bfd.ControlPlaneIndependent || bfd.Poll && bfd.Final:
		t.Errorf("packet %d: flags %#x", i, raw[1])
	case bfd.Diagnostic > 8:
		t.Errorf("packet %d: diagnostic %d", i, bfd.Diagnostic)
	case raw[3] != 24 || len(raw) != 24:
		t.Errorf("packet %d: length %d in %d bytes", i, raw[3], len(raw))
	case bfd.DetectMultiplier != 3 && bfd.DetectMultiplier != 5:
		t.Errorf("packet %d: multiplier %d", i, bfd.DetectMultiplier)
	case bfd.DesiredMinTxInterval == 0 || bfd.State != layers.BFDStateUp && bfd.DesiredMinTxInterval != 1_000_000:
		t.Errorf("packet %d: desired min tx %d in %v", i, bfd.DesiredMinTxInterval, bfd.State)
	case bfd.RequiredMinEchoRxInterval != 0:
		t.Errorf("packet %d: echo %d", i, bfd.RequiredMinEchoRxInterval)
	case udp.DstPort != 3784 || udp.SrcPort < 49152:
		t.Errorf("packet %d: ports %d > %d", i, udp.SrcPort, udp.DstPort)
	case !checksumVerifies(frame, v6):
		t.Errorf("packet %d: UDP checksum", i)
	}
	ttl := uint8(0)
	if v6 {
		ttl = p.Layer(layers.LayerTypeIPv6).(*layers.IPv6).HopLimit
	} else {
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		ttl = ip.TTL
		if ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset != 0 {
			t.Errorf("packet %d is a fragment", i)
		}
	}
	if ttl != 255 {
		t.Errorf("packet %d: TTL %d", i, ttl)
	}
	return bfd
}

// checksumVerifies adds everything up the slow way.
func checksumVerifies(frame []byte, v6 bool) bool {
	ip := frame[14:]
	addrs, udp := ip[12:20], ip[20:]
	if v6 {
		addrs, udp = ip[8:40], ip[40:]
	}
	sum := uint32(17) + uint32(len(udp))
	for _, part := range [][]byte{addrs, udp} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff && binary.BigEndian.Uint16(udp[6:]) != 0
}

// What each field says in each state.
func TestFields(t *testing.T) {
	b := newBed(t, ms(50, 70, 7))
	remote := func(want packet.State) {
		t.Helper()
		if st := b.status().Remote.State; st != want {
			t.Errorf("the API says the peer is %v, want %v", st, want)
		}
	}
	check := func(what string, state packet.State, diag packet.Diag, your, tx, rx uint32) {
		t.Helper()
		h := b.heard[len(b.heard)-1]
		want := packet.Control{
			State: state, Diag: diag, Poll: h.Poll, Final: h.Final, DetectMult: 7, Length: 24,
			MyDiscr: b.s.Discr, YourDiscr: your, DesiredMinTx: tx, RequiredMinRx: rx,
		}
		if h.Control != want {
			t.Errorf("%s: %+v, want %+v", what, h.Control, want)
		}
	}
	b.world.Run(10 * Millisecond)
	check("created", packet.Down, 0, 0, 1_000_000, 70_000)
	remote(packet.Down)
	b.once(func(c *packet.Control) { c.State, c.YourDiscr = packet.AdminDown, 0 })
	b.world.Run(slack)
	remote(packet.AdminDown)
	b.once(func(c *packet.Control) { c.YourDiscr = 0 })
	b.world.Run(slack)
	check("heard Down", packet.Init, 0, testerDiscr, 1_000_000, 70_000)
	b.up()
	check("up", packet.Up, 0, testerDiscr, 50_000, 70_000)
	remote(packet.Up)
	// The field is what D wishes, not what was agreed.
	b.say.RequiredMinRx, b.say.MyDiscr = 200_000, testerDiscr+1
	b.world.Run(Second)
	check("peer wants 200 ms and has a new discriminator", packet.Up, 0, testerDiscr+1, 50_000, 70_000)
	if got := binary.BigEndian.Uint32(b.heard[len(b.heard)-1].frame[bfdStart+12:]); got != 0x0000c350 {
		t.Errorf("50 ms reads %#08x on the wire", got)
	}
	b.hush()
	b.world.Run(2 * Second)
	check("silent", packet.Down, packet.DiagControlExpiry, 0, 1_000_000, 70_000)
	rows.Covers(t, "5880-4.1-03", "5880-6.8.7-01", "5880-6.8.7-02", "5880-6.8.7-09", "5880-6.8.7-12", "5880-6.8.7-13", "5880-6.8.7-14",
		"5880-6.8.1-01", "5880-6.8.1-02", "5880-6.8.1-05", "5880-6.8.1-06", "5880-6.8.1-07", "5880-6.8.1-08", "5880-6.8.6-18")
}

// Intervals and multipliers of all sizes are sent as they are.
func TestAnyValueIsAdvertised(t *testing.T) {
	b := newBed(t, p50)
	b.up()
	flaps := b.status().Counters.Down
	rng := b.world.dice
	for _, v := range []uint32{1, 3_300, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000, 1<<32 - 1, 0} {
		tx := max(v, 1)
		if tx < 1000 {
			tx = 1000 + rng.Uint32N(99_000) // T keeps up with rx, not with a million packets a second
		}
		for _, mult := range []uint8{1, 3, 255} {
			b.configure(session.Params{DesiredMinTx: tx, RequiredMinRx: v, DetectMult: mult})
			b.world.Run(400 * Millisecond) // the bucket of extra packets fills again
			h := b.heard[len(b.heard)-1]
			if h.DesiredMinTx != tx || h.RequiredMinRx != v || h.DetectMult != mult {
				t.Errorf("%d/%d mult %d is sent as %d/%d mult %d", tx, v, mult, h.DesiredMinTx, h.RequiredMinRx, h.DetectMult)
			}
		}
	}
	if st := b.status(); st.State != packet.Up || st.Counters.Down != flaps {
		t.Errorf("%v, went down %d times", st.State, st.Counters.Down-flaps)
	}
	rows.Covers(t, "5880-6.8.10-01", "5880-6.8.11-01", "5880-6.8.7-09", "5880-6.8.1-11", "7419-3-01", "7419-B-02")
}

package bpf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

func tags(tci ...uint16) func(*frame) { return func(f *frame) { f.tags = tci } }

// taggedFrames are those of the VLAN that is known, and of others.
func taggedFrames() []frameCase {
	return []frameCase{
		{"v4 on the VLAN", v4().on(0), "steered"},
		{"v6 on the VLAN", v6().on(6), "steered"},
		{"link-local on the VLAN", newFrame(peerL, localL).on(7), "steered"},
		{"drop eligible", v4().on(0).with(tags(1<<12 | vlanID)), "steered"},
		{"on the VLAN by discriminator", v6().from(foreign6).your(discr).on(6), "steered"},
		{"multihop on the VLAN", newMultihop(farPeer4, farLocal4).on(6), "steered"},
		{"own Echo on the VLAN", newEcho(foreign4, local4, discr).on(6), "steered"},
		{"the peer's Echo on the VLAN", newEcho(looper6, looper6, 0).hops(255).on(6), "steered"},
		{"of a session on the VLAN alone", v4().to(vlanLocal4).on(6), "steered"},
		{"the same without a tag", v4().to(vlanLocal4), "pass_foreign"},
		{"the same with a priority tag", v4().to(vlanLocal4).with(tags(6 << 13)), "pass_foreign"},
		{"priority tag", v4().with(tags(6 << 13)), "steered"},
		{"priority tag of nothing", v6().with(tags(0)), "steered"},
		{"TTL 254 on the VLAN", v4().on(6).hops(254), "ttl"},
		{"foreign peer on the VLAN", v4().from(foreign4).on(6), "pass_foreign"},
		{"another port on the VLAN", v4().port(443).on(6), "pass_other"},
		{"to the parent's MAC on the VLAN", v4().on(6).with(func(f *frame) { f.dstMAC = stationMAC }), "pass_mac"},
		{"to the VLAN's MAC without a tag", v4().with(func(f *frame) { f.dstMAC = vlanMAC }), "pass_mac"},
		{"options on the VLAN", v4().on(6).with(func(f *frame) { f.fragment = 3 }), "pass_fragment"},
		{"another VLAN", v4().with(tags(10)), "pass_vlan"},
		{"another VLAN, TTL 254", v4().with(tags(10)).hops(254), "pass_vlan"},
		{"another VLAN by discriminator", v4().from(foreign4).your(discr).with(tags(10)), "pass_vlan"},
		{"the VLAN's number with its bytes swapped", v4().with(tags(vlanID << 8)), "pass_vlan"},
		{"two tags", v4().on(6).with(tags(vlanID, 11)), "pass_vlan"},
		{"the same VLAN twice", v4().on(6).with(tags(vlanID, vlanID)), "pass_vlan"},
		{"priority tag and VLAN", v4().on(6).with(tags(0, vlanID)), "pass_vlan"},
	}
}

// A frame is one session's alone, by its tag: the addresses are the same with and
// without.
func TestProgramTags(t *testing.T) {
	b := newRig(t, true)
	check := func(when string, f *frame, want string) {
		t.Helper()
		if _, verdict, _ := b.run(t, f.bytes(t)); verdict != want {
			t.Errorf("%s: verdict %q, want %q", when, verdict, want)
		}
	}
	must(t, b.tables.DelPeer(loopback, packet.AddrFrom(local4), packet.AddrFrom(peer4)))
	check("session on the VLAN alone, tagged", v4().on(6), "steered")
	check("session on the VLAN alone, untagged", v4(), "pass_foreign")
	must(t, b.tables.DelPeer(vlanIf, packet.AddrFrom(local4), packet.AddrFrom(peer4)))
	must(t, b.tables.SetPeer(hop(loopback, local4, peer4)))
	check("session without a tag alone, tagged", v4().on(6), "pass_foreign")
	check("session without a tag alone, untagged", v4(), "steered")
	must(t, b.tables.SetPeer(hop(vlanIf, local4, peer4)))
	must(t, b.tables.setUpper(loopback, 30, owner{ifindex: vlanIf + 1, mac: vlanMAC}))
	check("another VLAN device without sessions", v4().on(6).with(tags(30)), "pass_foreign")
	must(t, b.tables.DelUpper(loopback, vlanID))
	check("deleted", v4().on(6), "pass_vlan")
	must(t, b.tables.DelUpper(loopback, vlanID))
	must(t, b.tables.DelUpper(loopback, 30))
	must(t, b.tables.setUpper(loopback, vlanID, owner{ifindex: vlanIf, mac: stationMAC}))
	check("added again, with another MAC", v4().on(6).with(func(f *frame) { f.dstMAC = stationMAC }), "steered")
	rows.Covers(t, "5880-6.3-06", "5881-3-03", "5881-6-07")
}

// Frames of a member are its bond's, whose MAC they are sent to; those of VLANs
// are still told apart.
func TestProgramMember(t *testing.T) {
	b := newRig(t, true)
	const bond = 99
	bondMAC := packet.MAC{2, 0, 0, 0, 0, 0xb0}
	must(t, b.tables.SetPeer(hop(bond, vlanLocal4, peer4)))
	must(t, b.tables.setUpper(loopback, 0, owner{ifindex: bond, mac: bondMAC}))
	toBond := func(f *frame) *frame { return f.to(vlanLocal4).with(func(f *frame) { f.dstMAC = bondMAC }) }
	for _, tt := range []frameCase{
		{"the bond's", toBond(v4()), "steered"},
		{"with a priority tag", toBond(v4()).with(tags(6 << 13)), "steered"},
		{"a session of the member itself", v4().with(func(f *frame) { f.dstMAC = bondMAC }), "pass_foreign"},
		{"to the member's MAC", toBond(v4()).with(func(f *frame) { f.dstMAC = stationMAC }), "pass_mac"},
		{"on the VLAN", v4().on(6), "steered"},
		{"on another", v4().with(tags(10)), "pass_vlan"},
	} {
		if _, verdict, _ := b.run(t, tt.frame.bytes(t)); verdict != tt.verdict {
			t.Errorf("%s: verdict %q, want %q", tt.name, verdict, tt.verdict)
		}
	}
	must(t, b.SetMAC(neighborMAC)) // the member's own: nothing to the bond
	if _, verdict, _ := b.run(t, toBond(v4()).bytes(t)); verdict != "steered" {
		t.Errorf("after a change of the member's MAC: verdict %q", verdict)
	}
	must(t, b.tables.DelUpper(loopback, 0))
	if _, verdict, _ := b.run(t, v4().with(func(f *frame) { f.dstMAC = neighborMAC }).bytes(t)); verdict != "steered" {
		t.Errorf("no member any more: verdict %q", verdict)
	}
}

// On a member that its bond does not use nothing is taken, whatever session it would be
// of: one over several hops is of any interface.
func TestProgramIdleMember(t *testing.T) {
	b := newRig(t, true)
	frames := map[string]*frame{
		"single hop": v4(), "multihop v4": newMultihop(farPeer4, farLocal4), "multihop v6": newMultihop(farPeer6, farLocal6), "VLAN": v4().on(6),
	}
	for _, idle := range []bool{false, true, false} {
		must(t, b.tables.SetIdle(loopback, idle))
		want := map[bool]string{false: "steered", true: "pass_idle"}[idle]
		for name, f := range frames {
			if _, verdict, _ := b.run(t, f.bytes(t)); verdict != want {
				t.Errorf("%s, idle %v: verdict %q, want %q", name, idle, verdict, want)
			}
		}
	}
}

// What is heard depends on the VLAN and not on the priority; the reply has the
// session's own.
func TestProgramHearsTagged(t *testing.T) {
	for name, f := range heardFrames() {
		t.Run(name, func(t *testing.T) {
			b := newLaneRig(t)
			must(t, b.Insure(InsureTX))
			frame := f.on(3).bytes(t)
			if _, verdict, _ := b.take(t, frame); verdict != "steered" {
				t.Fatalf("nothing is expected: verdict %q", verdict)
			}
			b.expect(t, frame)
			for i := range frame {
				free := i == 14 && f.tags[0]>>8 != 0 // priority and the upper bits of the VLAN, see below
				free = free || f.src.Is4() && (i == 22 || i == 23 || i == 28 || i == 29)
				for _, bits := range []byte{0x01, 0x20, 0xff} {
					mutant := append([]byte(nil), frame...)
					mutant[i] ^= bits
					want := free && (i != 14 || bits == 0x20)
					if _, verdict, _ := b.take(t, mutant); (verdict == "heard") != want {
						t.Errorf("byte %d ^ %#x: verdict %q", i, bits, verdict)
					}
				}
			}
			for n := 14; n < len(frame); n++ {
				if _, verdict, _ := b.take(t, frame[:n]); verdict == "heard" {
					t.Errorf("cut to %d bytes it was heard", n)
				}
			}
			reply := back(f).with(tags(6<<13 | vlanID)).bytes(t)
			b.insure(t, 1, 0, reply)
			action, verdict, out := b.take(t, append(frame[:len(frame):len(frame)], 1, 2, 3))
			if diff := cmp.Diff(append(reply, 1, 2, 3), out); action != tx || verdict != "insured" || diff != "" {
				t.Errorf("action %d, verdict %q, reply (-want +got):\n%s", action, verdict, diff)
			}
			for what, tci := range map[string][]uint16{"another VLAN": {6<<13 | 30}, "no VLAN": {6 << 13}, "no tag": nil} {
				b.insure(t, 1, 0, back(f).with(tags(tci...)).bytes(t))
				if action, verdict, _ := b.take(t, frame); action != drop || verdict != "heard" {
					t.Errorf("a reply of %s: action %d, verdict %q", what, action, verdict)
				}
			}
		})
	}
	rows.Covers(t, "ENV-L2-03")
}

// A frame with a priority tag is heard as one without; a reply to it would have to
// have a tag that the session does not send.
func TestProgramHearsPriorityTag(t *testing.T) {
	b := newLaneRig(t)
	must(t, b.Insure(InsureTX))
	frame := v4().your(discr).with(tags(6 << 13)).bytes(t)
	b.expect(t, frame)
	for _, f := range [][]byte{frame, v4().your(discr).bytes(t)} {
		if _, verdict, _ := b.take(t, f); verdict != "heard" {
			t.Errorf("verdict %q", verdict)
		}
	}
	b.insure(t, 1, 0, back(v4().your(discr)).bytes(t))
	if action, verdict, _ := b.take(t, frame); action != drop || verdict != "heard" {
		t.Errorf("with insurance: action %d, verdict %q", action, verdict)
	}
	if action, verdict, _ := b.take(t, v4().your(discr).bytes(t)); action != tx || verdict != "insured" {
		t.Errorf("without the tag: action %d, verdict %q", action, verdict)
	}
	b.each(func(l *fastpath.Lanes) { l.Shut(lane, monotonic(t)+int64(time.Hour)) })
}

// The peer's Echo goes back with the tag that it came with.
func TestProgramLoopsTagged(t *testing.T) {
	b := newRig(t, true)
	must(t, b.SetLoop(true))
	for _, f := range []*frame{
		newEcho(looper4, looper4, 0).hops(255), newEcho(looper6, looper6, 0).hops(255),
		newEcho(looper4, local4, 0).hops(255), newEcho(looper6, local6, 0).hops(255),
	} {
		_, _, want := b.run(t, f.bytes(t))
		tagged := f.on(5)
		action, verdict, out := b.run(t, tagged.bytes(t))
		if action != tx || verdict != "echo_looped" {
			t.Errorf("action %d, verdict %q", action, verdict)
		}
		copy(want[6:], vlanMAC[:])
		want = append(want[:12:12], append([]byte{0x81, 0, 5 << 5, vlanID}, want[12:]...)...)
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Of tells what SetUpper has said.
func TestUppers(t *testing.T) {
	tables := &Tables{lowers: map[int32]*lower{}}
	u := tables.Uppers(3)
	for what, of := range map[string]*Uppers{"no tables": nil, "no uppers": u} {
		if of.Of(0) != 0 || of.Of(1) != Nobody || of.Of(4095) != Nobody {
			t.Errorf("%s: %d, %d, %d", what, of.Of(0), of.Of(1), of.Of(4095))
		}
	}
	u.set(10, 5)
	u.set(0, 9)
	if u.Of(0) != 9 || u.Of(10) != 5 || u.Of(11) != Nobody || tables.Uppers(3) != u || tables.Uppers(4).Of(10) != Nobody {
		t.Errorf("%d, %d, %d", u.Of(0), u.Of(10), u.Of(11))
	}
	if n := testing.AllocsPerRun(10, func() { u.Of(10) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSetUpperRefuses(t *testing.T) {
	b := newRig(t, false)
	for _, vlan := range []uint16{4095, 4096, 65535} {
		if err := b.tables.setUpper(loopback, vlan, owner{ifindex: 5}); err == nil {
			t.Errorf("VLAN %d was taken", vlan)
		}
	}
	if err := b.tables.SetUpper(loopback, 5, 1<<30); err == nil || b.tables.Uppers(loopback).Of(5) != Nobody {
		t.Errorf("an interface that there is not: %v", err)
	}
}

package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// newEcho is an Echo packet as it comes back to whom discr is of.
func newEcho(src, dst netip.Addr, discr uint32) *frame {
	f := newFrame(src, dst).port(packet.PortEcho).hops(254)
	f.payload = make([]byte, 32)
	binary.BigEndian.PutUint32(f.payload[4:], discr)
	return f
}

// family is what the frames of one IP version are made of.
type family struct{ local, peer, looper, stranger, elsewhere netip.Addr }

var families = map[string]family{
	"v4": {local4, peer4, looper4, foreign4, netip.MustParseAddr("192.0.2.9")},
	"v6": {local6, peer6, looper6, foreign6, netip.MustParseAddr("2001:db8::9")},
}

// ownEchoes are those that come back to us, and what is nearly so.
func ownEchoes(f family) []frameCase {
	own := func() *frame { return newEcho(f.stranger, f.local, discr) }
	return []frameCase{
		{"own", own(), "steered"},
		{"own from the peer's address", newEcho(f.peer, f.local, discr), "steered"},
		{"own from a looped peer's address", newEcho(f.looper, f.local, discr), "steered"},
		{"own, as short as can be", own().with(func(f *frame) { f.payload = f.payload[:8] }), "steered"},
		{"own Control packet (RFC 9747)", own().with(func(f *frame) {
			f.payload = newFrame(local4, local4).payload
			binary.BigEndian.PutUint32(f.payload[4:], discr)
		}), "steered"},
		{"own that nobody forwarded", own().hops(255), "ttl"},
		{"own forwarded twice", own().hops(253), "ttl"},
		{"own, TTL 0", own().hops(0), "ttl"},
		{"own, too short for a discriminator", own().with(func(f *frame) { f.payload = f.payload[:7] }), "pass_foreign"},
		{"own, discriminator behind the end of UDP", own().with(func(f *frame) { f.udpLen = 15 }), "pass_foreign"},
		{"own to an address without session", newEcho(f.stranger, f.elsewhere, discr), "pass_foreign"},
		{"own to another station's MAC", own().with(func(f *frame) { f.dstMAC = neighborMAC }), "pass_mac"},
		{"of an unknown discriminator", newEcho(f.stranger, f.local, otherDis), "pass_foreign"},
		{"discriminator where Control has Your Discriminator", newEcho(f.stranger, f.local, otherDis).your(discr),
			"pass_foreign"},
		{"from a peer without looping", newEcho(f.peer, f.local, otherDis).hops(255), "pass_foreign"},
		{"to a peer without looping", newEcho(f.peer, f.peer, otherDis).hops(255), "pass_foreign"},
		{"forwarded, to a looped peer", newEcho(f.looper, f.looper, otherDis).hops(254), "pass_foreign"},
		{"forwarded, from a looped peer", newEcho(f.looper, f.local, otherDis).hops(254), "pass_foreign"},
		{"from a looped peer to another address", newEcho(f.looper, f.elsewhere, otherDis).hops(255), "pass_foreign"},
		{"to a peer of another interface", newEcho(peer4, peer4, otherDis).hops(255), "pass_foreign"},
		{"looped peer's to another station's MAC", newEcho(f.looper, f.looper, otherDis).hops(255).with(
			func(f *frame) { f.dstMAC = neighborMAC }), "pass_mac"},
	}
}

// peerEchoes are those that go back to the peer; answer are FRR's, addressed to
// us.
func peerEchoes(f family) []struct {
	name   string
	frame  *frame
	answer bool
} {
	return []struct {
		name   string
		frame  *frame
		answer bool
	}{
		{"the peer's", newEcho(f.looper, f.looper, otherDis), false},
		{"the peer's from an address of its choice", newEcho(f.stranger, f.looper, otherDis), false},
		{"the peer's, empty", newEcho(f.looper, f.looper, 0).with(func(f *frame) { f.payload = nil }), false},
		{"the peer's, of odd length", newEcho(f.looper, f.looper, 0).with(func(f *frame) {
			f.payload = append(f.payload, 1, 2, 3)
		}), false},
		{"the peer's with our discriminator in it", newEcho(f.looper, f.looper, discr), false},
		{"addressed to us", newEcho(f.looper, f.local, otherDis), true},
		{"addressed to us, with our discriminator in it", newEcho(f.looper, f.local, discr), true},
	}
}

func TestProgramOwnEcho(t *testing.T) {
	b := newRig(t, true)
	actions := map[string]uint32{"steered": redirect, "ttl": drop}
	for name, f := range families {
		for _, tx := range []bool{false, true} { // looping in the program changes nothing here
			must(t, b.SetLoop(tx))
			for _, tt := range ownEchoes(f) {
				want, ok := actions[tt.verdict]
				if !ok {
					want = pass
				}
				frame := tt.frame.bytes(t)
				action, verdict, out := b.run(t, frame)
				if action != want || verdict != tt.verdict {
					t.Errorf("%s %s: action %d, verdict %q; want %d, %q", name, tt.name, action, verdict, want, tt.verdict)
				}
				if action == pass && !cmp.Equal(frame, out) {
					t.Errorf("%s %s: the kernel gets another frame", name, tt.name)
				}
			}
		}
	}
	rows.Covers(t, "9747-2-06")
}

// The ring gets the peer's Echo packets as they came.
func TestProgramSteersEcho(t *testing.T) {
	b := newRig(t, true)
	for name, f := range families {
		for _, tt := range peerEchoes(f) {
			frame := tt.frame.hops(255).bytes(t)
			action, verdict, out := b.run(t, frame)
			if action != redirect || verdict != "steered" || !cmp.Equal(frame, out[8:]) {
				t.Errorf("%s %s: action %d, verdict %q", name, tt.name, action, verdict)
			}
		}
	}
}

// What XDP_TX sends is the frame that gopacket builds for the way back, to the
// bit, and no receiver finds fault with it.
func TestProgramLoopsEcho(t *testing.T) {
	b := newRig(t, false) // needs no socket
	must(t, b.SetLoop(true))
	for name, f := range families {
		for _, tt := range peerEchoes(f) {
			action, verdict, out := b.run(t, tt.frame.hops(255).bytes(t))
			if action != tx || verdict != "echo_looped" {
				t.Errorf("%s %s: action %d, verdict %q", name, tt.name, action, verdict)
				continue
			}
			back := tt.frame.hops(254)
			back.srcMAC, back.dstMAC = back.dstMAC, back.srcMAC
			if tt.answer {
				back.src, back.dst = back.dst, back.src
				back.srcPort, back.dstPort = back.dstPort, back.srcPort
			}
			if diff := cmp.Diff(back.bytes(t), out); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", name, tt.name, diff)
			}
			var d packet.Datagram
			packet.ParseEthernet(out, &d)
			if d.Drop != packet.DropNone || d.TTL != 254 || d.DstMAC != neighborMAC {
				t.Errorf("%s %s: received as %+v", name, tt.name, d)
			}
		}
	}
	must(t, b.SetLoop(false))
	if _, verdict, _ := b.run(t, newEcho(looper4, looper4, 0).hops(255).bytes(t)); verdict != "pass_no_socket" {
		t.Errorf("looping was taken back: verdict %q", verdict)
	}
	rows.Covers(t, "5881-4-14")
}

// The IPv4 header's checksum is what a sender would have computed, after every
// carry.
func TestProgramLoopChecksum(t *testing.T) {
	b := newRig(t, false)
	must(t, b.SetLoop(true))
	frame := newEcho(looper4, looper4, 0).hops(255).bytes(t)
	back, out := bytes.Clone(frame), make([]byte, len(frame))
	for id := range 1 << 16 {
		putHeader(frame, uint16(id), 255)
		putHeader(back, uint16(id), 254)
		action, err := b.objs.Xbfd.Run(&ebpf.RunOptions{
			Data: frame, DataOut: out, Context: xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: loopback},
		})
		must(t, err)
		if action != tx || !bytes.Equal(out[14:34], back[14:34]) {
			t.Fatalf("action %d, header %x; want %x", action, out[14:34], back[14:34])
		}
	}
}

// putHeader gives an IPv4 frame an identification, a TTL and the checksum that
// goes with them.
func putHeader(frame []byte, id uint16, ttl uint8) {
	h := frame[14:34]
	binary.BigEndian.PutUint16(h[4:], id)
	h[8], h[10], h[11] = ttl, 0, 0
	sum := 0
	for i := 0; i < len(h); i += 2 {
		sum += int(binary.BigEndian.Uint16(h[i:]))
	}
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
}

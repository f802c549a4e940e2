package packet_test

import (
	"encoding/binary"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Every single flipped bit that a checksum covers is noticed.
func TestChecksumNoticesEveryBit(t *testing.T) {
	for shape, p := range paths() {
		frame := put(t, p, upControl(), nil, 0)
		v := view(frame)
		first := len(frame) - len(v.ip)
		for i := first; i < len(frame); i++ {
			for bit := range 8 {
				frame[i] ^= 1 << bit
				var d packet.Datagram
				packet.ParseEthernet(frame, &d)
				covered := v.v4 || i-first >= 8 || i-first == 6 // IPv6 sums no version, class, label, length, hop limit
				lengths := d.Drop == packet.DropFrame || d.Drop == packet.DropShort
				if covered && d.Drop != packet.DropBadChecksum && !lengths {
					t.Errorf("%s: byte %d bit %d flipped: %v", shape, i, bit, d.Drop)
				}
				frame[i] ^= 1 << bit
			}
		}
		for i := range v.bfd { // the payload cannot be excused by a bad length
			v.bfd[i] ^= 0x40
			if got := judge(frame); got != packet.DropBadChecksum {
				t.Errorf("%s: payload byte %d changed: %v", shape, i, got)
			}
			v.bfd[i] ^= 0x40
		}
	}
	rows.Covers(t, "ENV-UDP-01")
}

func TestChecksumRules(t *testing.T) {
	set := func(value uint16) func(frameView) {
		return func(v frameView) { binary.BigEndian.PutUint16(v.udp[6:], value) }
	}
	offload := func(v frameView) { binary.BigEndian.PutUint16(v.udp[6:], onesSum(v.pseudo())) }
	none, bad := packet.DropNone, packet.DropBadChecksum
	tests := []struct {
		name   string
		edit   func(frameView)
		v4, v6 packet.Drop
	}{
		{"right", func(frameView) {}, none, none},
		{"none", set(0), none, bad},
		{"left to the device", offload, none, none},
		{"left to the device, payload changed", func(v frameView) { offload(v); v.bfd[20] ^= 1 }, none, none},
		{"pseudo sum complemented", func(v frameView) { binary.BigEndian.PutUint16(v.udp[6:], ^onesSum(v.pseudo())) }, bad, bad},
		{"pseudo sum of another length", func(v frameView) {
			binary.BigEndian.PutUint16(v.udp[6:], onesSum(v.pseudo())+1)
		}, bad, bad},
		{"all ones", set(0xffff), bad, bad},
		{"payload changed", func(v frameView) { v.bfd[23] ^= 1 }, bad, bad},
		{"source port changed", func(v frameView) { v.udp[1] ^= 1 }, bad, bad},
		{"header checksum 0", func(v frameView) {
			if v.v4 {
				v.ip[10], v.ip[11] = 0, 0
			}
		}, bad, none},
		{"ttl changed alone", func(v frameView) {
			if v.v4 {
				v.ip[8]--
			} else {
				v.ip[7]--
			}
		}, bad, none},
		{"no udp checksum but a bad header", func(v frameView) {
			set(0)(v)
			if v.v4 {
				v.ip[8]--
			}
		}, bad, bad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for shape, p := range paths() {
				frame := put(t, p, upControl(), nil, 0)
				v := view(frame)
				tt.edit(v)
				want := tt.v6
				if v.v4 {
					want = tt.v4
				}
				if got := judge(frame); got != want {
					t.Errorf("%s: %v, want %v", shape, got, want)
				}
			}
		})
	}
	rows.Covers(t, "ENV-UDP-01", "ENV-UDP-02")
}

// orderedFaults are the reasons that need no session, in the order of RFC 5880
// §6.8.6 with those of the frame before them. Each edit leaves the earlier
// reasons alone.
var orderedFaults = []struct {
	want packet.Drop
	edit func(v frameView)
}{
	{packet.DropFrame, func(v frameView) {
		if v.v4 {
			v.ip[6] |= 0x20 // more fragments
			v.setIPChecksum()
		} else {
			v.ip[6] = 44 // fragment header
		}
	}},
	{packet.DropShort, func(v frameView) { v.udp[5] = 8 + 23 }},
	{packet.DropBadChecksum, nil}, // last of the edits, see below
	{packet.DropBadVersion, func(v frameView) { v.bfd[0] = 0 }},
	{packet.DropBadLengthMin, func(v frameView) { v.bfd[3] = 23 }},
	{packet.DropBadLengthMax, func(v frameView) {
		if v.bfd[3] == 24 {
			v.bfd[3] = 25
		}
	}},
	{packet.DropZeroMult, func(v frameView) { v.bfd[2] = 0 }},
	{packet.DropMultipoint, func(v frameView) { v.bfd[1] |= 1 }},
	{packet.DropZeroMyDiscr, func(v frameView) { clear(v.bfd[4:8]) }},
}

// With any set of faults at once the first of them in the order is the reason.
func TestFirstFaultIsCounted(t *testing.T) {
	for shape, p := range paths() {
		for set := range 1 << len(orderedFaults) {
			frame := put(t, p, upControl(), nil, 0)
			v := view(frame)
			want := packet.DropNone
			for i, fault := range orderedFaults {
				if set&(1<<i) == 0 {
					continue
				}
				if want == packet.DropNone {
					want = fault.want
				}
				if fault.edit != nil {
					fault.edit(v)
				}
			}
			v.setUDPChecksum()
			if set&(1<<2) != 0 {
				v.udp[7] ^= 1
			}
			if got := judge(frame); got != want {
				t.Errorf("%s, faults %09b: %v, want %v", shape, set, got, want)
			}
		}
	}
	rows.Covers(t, "5880-6.8.6-30")
}

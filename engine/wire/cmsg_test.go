package wire

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// message encodes one control message.
func message(level, kind uint32, data ...byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	if unix.SizeofPtr == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(len(data))))
	}
	binary.NativeEndian.PutUint32(b[unix.SizeofPtr:], level)
	binary.NativeEndian.PutUint32(b[unix.SizeofPtr+4:], kind)
	copy(b[unix.SizeofCmsghdr:], data)
	return b
}

func int32Bytes(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func TestAncillary(t *testing.T) {
	pktinfo4 := join(int32Bytes(7), []byte{10, 0, 0, 9, 192, 0, 2, 1})
	pktinfo6 := join(packetAddr6[:], int32Bytes(8))
	stamp := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 5), 7)
	for _, tt := range []struct {
		name string
		b    []byte
		want ancillary
	}{
		{"nothing", nil, ancillary{}},
		{"v4", join(
			message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, stamp...),
			message(unix.IPPROTO_IP, unix.IP_TTL, int32Bytes(255)...),
			message(unix.IPPROTO_IP, unix.IP_PKTINFO, pktinfo4...),
		), ancillary{dst: packet.AddrFrom(addrs("192.0.2.1", "::1")[0]), ttl: 255, via: 7, wall: 5e9 + 7}},
		{"v6", join(
			message(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, pktinfo6...),
			message(unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, int32Bytes(64)...),
		), ancillary{dst: packetAddr6, ttl: 64, via: 8}},
		{"time of a 32-bit machine", message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS,
			join(int32Bytes(5), int32Bytes(7))...), ancillary{wall: 5e9 + 7}},
		{"unknown ones between", join(
			message(unix.SOL_SOCKET, 99, 1, 2, 3),
			message(unix.IPPROTO_IP, unix.IP_TTL, int32Bytes(1)...),
			message(77, unix.IP_TTL, int32Bytes(9)...),
		), ancillary{ttl: 1}},
		{"too little data", join(
			message(unix.IPPROTO_IP, unix.IP_TTL, 1),
			message(unix.IPPROTO_IP, unix.IP_PKTINFO, 1, 2, 3, 4),
			message(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, 1, 2, 3, 4),
			message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1, 2, 3, 4),
		), ancillary{}},
		{"cut short", message(unix.IPPROTO_IP, unix.IP_PKTINFO, pktinfo4...)[:20], ancillary{}},
		{"length 0", make([]byte, 64), ancillary{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a ancillary
			a.parse(tt.b)
			if diff := cmp.Diff(tt.want, a, cmp.AllowUnexported(ancillary{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

var packetAddr6 = packet.AddrFrom(addrs("0.0.0.0", "2001:db8::1")[1])

// Whatever the bytes, parse ends, and agrees with package unix wherever that
// accepts them.
func FuzzAncillary(f *testing.F) {
	f.Add(message(unix.IPPROTO_IP, unix.IP_TTL, int32Bytes(255)...))
	f.Add(join(message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, make([]byte, 16)...), message(unix.IPPROTO_IP, unix.IP_TTL, 1, 0, 0, 0)))
	f.Add(binary.NativeEndian.AppendUint64(nil, math.MaxUint64))
	f.Add(binary.NativeEndian.AppendUint64(make([]byte, 0, 16), math.MaxInt64-6))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a ancillary
		a.parse(b)
		list, err := unix.ParseSocketControlMessage(b)
		if err != nil {
			return
		}
		var want ancillary
		for _, m := range list {
			want.message(uint32(m.Header.Level), uint32(m.Header.Type), m.Data)
		}
		if a != want {
			t.Errorf("parsed %+v, want %+v", a, want)
		}
	})
}

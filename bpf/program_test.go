package bpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

func TestProgramVerdicts(t *testing.T) {
	b := newRig(t, true)
	for _, tt := range frames() {
		t.Run(tt.name, func(t *testing.T) {
			want := uint32(pass)
			switch tt.verdict {
			case "steered":
				want = redirect
			case "ttl":
				want = drop
			}
			frame := tt.frame.bytes(t)
			action, verdict, out := b.run(t, frame)
			if action != want || verdict != tt.verdict {
				t.Fatalf("action %d, verdict %q; want %d, %q", action, verdict, want, tt.verdict)
			}
			if action == redirect {
				out = out[8:]
			}
			if diff := cmp.Diff(frame, out); diff != "" {
				t.Errorf("frame changed (-sent +out):\n%s", diff)
			}
		})
	}
	rows.Covers(t, "5082-3-03", "5082-3-05", "5082-3-06", "5082-5.4-01", "ENV-L2-01")
}

// A queue without a socket is the kernel's: nothing is lost before the sockets
// are there, or when one is gone.
func TestProgramNoSocket(t *testing.T) {
	b := newRig(t, false)
	action, verdict, _ := b.run(t, v4().bytes(t))
	if action != pass || verdict != "pass_no_socket" {
		t.Errorf("action %d, verdict %q", action, verdict)
	}
	action, verdict, _ = b.run(t, v4().with(func(f *frame) { f.ttl = 254 }).bytes(t))
	if action != drop || verdict != "ttl" {
		t.Errorf("TTL 254: action %d, verdict %q", action, verdict)
	}
}

// A frame cut short anywhere is passed as soon as the UDP header is gone, and
// ours until then; a discriminator counts only in a whole packet.
func TestProgramTruncated(t *testing.T) {
	b := newRig(t, true)
	for _, tt := range []struct {
		name    string
		frame   *frame
		headers int
		steered int // shortest frame that is ours
		cut     string
	}{
		{"v4", v4(), 42, 42, ""},
		{"v6", v6(), 62, 62, ""},
		{"v4 by discriminator", v4().from(foreign4).your(discr), 42, 66, "pass_foreign"},
		{"v6 by discriminator", v6().from(foreign6).your(discr), 62, 86, "pass_foreign"},
		{"vlan", v4().with(func(f *frame) { f.vlans = 1 }), 14, 1000, "pass_vlan"},
	} {
		whole := tt.frame.bytes(t)
		for n := 14; n <= len(whole); n++ {
			want := "steered"
			switch {
			case n < tt.headers:
				want = "pass_other"
			case n < tt.steered:
				want = tt.cut
			}
			if _, verdict, _ := b.run(t, whole[:n]); verdict != want {
				t.Errorf("%s cut to %d of %d bytes: verdict %q, want %q", tt.name, n, len(whole), verdict, want)
			}
		}
	}
}

// The stamp is the time of arrival on the engine's clock, right in front of the
// frame.
func TestProgramStamp(t *testing.T) {
	b := newRig(t, true)
	for range 100 {
		before := monotonic(t)
		_, _, out := b.run(t, v4().bytes(t))
		after := monotonic(t)
		if stamp := int64(binary.NativeEndian.Uint64(out)); stamp < before || stamp > after {
			t.Fatalf("stamp %d is not between %d and %d", stamp, before, after)
		}
	}
}

func monotonic(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return ts.Nano()
}

// Whatever bytes arrive, only a frame that decodes to one of ours is touched.
func TestProgramMutations(t *testing.T) {
	b := newRig(t, true)
	bases := [][]byte{v4().bytes(t), v6().bytes(t), v4().from(foreign4).your(discr).bytes(t)}
	for _, base := range bases {
		for i := range base {
			for _, bits := range []byte{0x01, 0x10, 0x80, 0xff} {
				mutant := append([]byte(nil), base...)
				mutant[i] ^= bits
				action, verdict, _ := b.run(t, mutant)
				if action != pass && !oursByDecoder(mutant) {
					t.Errorf("byte %d ^ %#x: verdict %q for a frame that is not ours", i, bits, verdict)
				}
				if action == pass && oursByDecoder(mutant) {
					t.Errorf("byte %d ^ %#x: verdict %q for a frame that is ours", i, bits, verdict)
				}
			}
		}
	}
}

// oursByDecoder judges a frame by an independent decoder.
func oursByDecoder(b []byte) bool {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	eth, _ := p.LinkLayer().(*layers.Ethernet)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if eth == nil || packet.MAC(eth.DstMAC) != stationMAC || udp == nil || udp.DstPort != packet.PortControl {
		return false
	}
	var src, dst netip.Addr
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if ip.Version != 4 || ip.IHL != 5 || ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
			return false
		}
		src, dst = netip.AddrFrom4([4]byte(ip.SrcIP)), netip.AddrFrom4([4]byte(ip.DstIP))
	case *layers.IPv6:
		if ip.Version != 6 || ip.NextHeader != layers.IPProtocolUDP {
			return false
		}
		src, dst = netip.AddrFrom16([16]byte(ip.SrcIP)), netip.AddrFrom16([16]byte(ip.DstIP))
	default:
		return false
	}
	return ours(src, dst, udp.Length, b)
}

func ours(src, dst netip.Addr, udpLen uint16, b []byte) bool {
	l4 := 34
	if dst.Is6() {
		l4 = 54
	}
	switch dst {
	case local4:
		if src == peer4 {
			return true
		}
	case local6:
		if src == peer6 {
			return true
		}
	case localL:
		if src == peerL {
			return true
		}
	default:
		return false
	}
	return udpLen >= 32 && len(b) >= l4+32 && binary.BigEndian.Uint32(b[l4+16:]) == discr
}

func BenchmarkProgram(b *testing.B) {
	r := newRig(b, true)
	for _, tt := range []struct {
		name  string
		frame []byte
	}{
		{"steered", v4().bytes(b)},
		{"foreign", v4().from(foreign4).bytes(b)},
		{"other-port", v4().with(func(f *frame) { f.dstPort = 443 }).bytes(b)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			_, err := r.objs.Xbfd.Run(&ebpf.RunOptions{
				Data:    tt.frame,
				Repeat:  uint32(b.N),
				Context: xdpMD{DataEnd: uint32(len(tt.frame)), IngressIfindex: loopback},
			})
			must(b, err)
		})
	}
}

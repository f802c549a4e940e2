package wirebed

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/packet"
)

// Nothing but the rules is a reason to discard a packet.
func TestAcceptProbes(t *testing.T) {
	t.Parallel()
	const (
		extras   = "5880-6.8.6-31"
		trailing = "5880-6.8.6-05"
	)
	control := func(edit func(c *packet.Control)) func(*bed, packet.Control) *draft {
		return func(b *bed, c packet.Control) *draft {
			edit(&c)
			return b.frameOf(c)
		}
	}
	port := func(n uint16) func(*bed, packet.Control) *draft {
		return func(b *bed, c packet.Control) *draft {
			d := b.frameOf(c)
			d.path.SrcPort = n
			return d
		}
	}
	probes := []probe{
		{"plain", control(func(*packet.Control) {}), 0, nil},
		{"P and F", control(func(c *packet.Control) { c.Final = true }), 0, []string{extras}},
		{"desired min tx 0", control(func(c *packet.Control) { c.DesiredMinTx = 0 }), 0, []string{extras}},
		{"odd intervals", control(func(c *packet.Control) { c.DesiredMinTx, c.RequiredMinRx, c.RequiredMinEchoRx = 50_001, 49_999, 7 }), 0, []string{extras}},
		{"C", control(func(c *packet.Control) { c.CPI = true }), 0, []string{extras}},
		{"source port 1024", port(1024), 0, []string{extras, "5881-4-07"}},
		{"source port 49151", port(49151), 0, []string{extras, "5881-4-07"}},
		{"source port 0", port(0), 0, []string{extras}},
		{"my discriminator of all ones", control(func(c *packet.Control) { c.MyDiscr = 0xffffffff }), 0, []string{"5880-6.3-04"}},
		{"detect mult 255", control(func(c *packet.Control) { c.DetectMult = 255 }), 0, nil},
		{"checksum of zero", edited(func(b []byte) []byte { b[udpStart+6], b[udpStart+7] = 0, 0; return b }), 0, []string{"ENV-UDP-01"}},
		{"Ethernet padding", edited(func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0xee}, 18)...) }), 0, []string{"ENV-UDP-02"}},
	}
	for _, tt := range []struct {
		n    int
		fill byte
	}{{1, 0xa5}, {8, 0}, {1000, 0}, {1000, 0xa5}} {
		proves := []string{trailing, extras}
		if tt.fill != 0 {
			proves = append(proves, "9764-3-03")
		}
		probes = append(probes, probe{fmt.Sprintf("%d bytes %#02x behind the packet", tt.n, tt.fill), func(b *bed, c packet.Control) *draft {
			return b.frameOf(c).trailing(bytes.Repeat([]byte{tt.fill}, tt.n)...)
		}, 0, proves})
	}
	for _, diag := range []packet.Diag{9, 10, 31} {
		probes = append(probes, probe{fmt.Sprintf("diagnostic %d", diag), control(func(c *packet.Control) { c.Diag = diag }), 0, []string{extras}})
	}
	each(t, with(p50), probes, probe.accept)
}

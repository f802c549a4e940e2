package sim

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Nothing but the rules is a reason to discard a packet.
func TestAcceptProbes(t *testing.T) {
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
			b.srcPort = n
			return b.frameOf(c)
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
	for _, n := range []int{1, 8, 1000} {
		for _, fill := range []byte{0, 0xa5} {
			probes = append(probes, probe{fmt.Sprintf("%d bytes %#02x behind the packet", n, fill), func(b *bed, c packet.Control) *draft {
				return b.frameOf(c).trailing(bytes.Repeat([]byte{fill}, n)...)
			}, 0, []string{trailing, extras}})
		}
	}
	for diag := packet.Diag(9); diag < 32; diag++ {
		probes = append(probes, probe{fmt.Sprintf("diagnostic %d", diag), control(func(c *packet.Control) { c.Diag = diag }), 0, []string{extras}})
	}
	for _, p := range probes {
		t.Run(p.name, func(t *testing.T) {
			p.accept(newBed(t, p50))
			rows.Covers(t, p.rows...)
		})
	}
}

package wirebed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Without a source address that is fit there is no Echo.
func TestEchoSourceMustFit(t *testing.T) {
	t.Parallel()
	for source, s := range map[string]setup{
		"192.0.2.77": with(echoing(p50, 50)), "2001:db8::77": with(echoing(p50, 50)).global6(), "fe80::77": with(echoing(p50, 50)).global6(),
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			on(t, s, func(b *bed) {
				b.d.SetEchoSource(netlinkmon.EchoSource{Addresses: []netip.Addr{netip.MustParseAddr(source)}})
				b.wantEcho(50)
				b.up()
				if n := len(b.echoesDuring(300 * time.Millisecond)); n != 0 || b.status().Echo.State != engine.EchoNoSource {
					b.Errorf("%d Echo packets, %v", n, b.status().Echo.State)
				}
			})
			rows.Covers(t, "5881-4-11", "5881-4-12")
		})
	}
}

// T's own kernel as the one that sends them back, with redirects switched on: it
// sends none.
func TestEchoProvokesNoRedirect(t *testing.T) {
	t.Parallel()
	onEcho(t, with(echoing(p50, 50)), 50, func(b *bed) {
		for name, value := range map[string]string{
			"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/t0/rp_filter": "0", "net/ipv4/ip_forward": "1",
			"net/ipv4/conf/all/send_redirects": "1", "net/ipv4/conf/t0/send_redirects": "1",
			"net/ipv4/icmp_ratelimit": "0",
		} {
			b.Sysctl(b.T, name, value)
		}
		b.AddAddr(b.T, b.station.ifname, "192.0.2.2/24")
		b.Neigh(b.T, b.station.ifname, "192.0.2.1", b.toMAC[:])
		b.up()
		b.awaitEcho(engine.EchoActive)
		b.during(500 * time.Millisecond)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.kernel {
			if len(f) > udpStart && f[12] == 8 && f[13] == 0 && f[ipStart+9] == 1 && f[udpStart] == 5 {
				b.Fatalf("T's kernel sent a redirect: % x", f)
			}
		}
	})
	rows.Covers(t, "5881-4-10", "5880-6.8.8-01")
}

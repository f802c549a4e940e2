package demo

import (
	"net/netip"
	"testing"
)

// Every session has an address pair of its own, which can be used by hosts and
// lies in one subnet.
func TestAddresses(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		t.Run(family(ipv6), func(t *testing.T) {
			all := netip.MustParsePrefix("198.18.0.0/15")
			if ipv6 {
				all = netip.MustParsePrefix("fd18::/16")
			}
			seen := make(map[netip.Addr]bool)
			for k := range maxSessions {
				a, b := addrOf(0, k, ipv6), addrOf(1, k, ipv6)
				pa, pb := prefixOf(a), prefixOf(b)
				if seen[a] || seen[b] || a == b {
					t.Fatalf("session %d: %v or %v is not its own", k, a, b)
				}
				seen[a], seen[b] = true, true
				if pa.Masked() != pb.Masked() {
					t.Fatalf("session %d: %v and %v are not on one link", k, pa, pb)
				}
				if !all.Contains(a) || !all.Contains(b) {
					t.Fatalf("session %d: %v or %v is not for tests", k, a, b)
				}
				for _, ip := range []netip.Addr{a, b} {
					if network := pa.Masked().Addr(); ip == network || !ipv6 && ip.As4()[3] == 255 {
						t.Fatalf("session %d: %v is no host's address", k, ip)
					}
				}
			}
		})
	}
}

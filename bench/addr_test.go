package bench

import (
	"net/netip"
	"testing"
)

// Every session has a remote address of its own in a subnet with its local one,
// and is found by it.
func TestAddresses(t *testing.T) {
	all := netip.MustParsePrefix("198.18.0.0/15")
	seen := make(map[netip.Addr]bool)
	for k := range maxSessions {
		l, r := local(k), remote(k)
		if seen[r] || l == r || !all.Contains(l) || !all.Contains(r) {
			t.Fatalf("session %d: %v or %v is not its own", k, l, r)
		}
		seen[r] = true
		if p := netip.PrefixFrom(l, 24).Masked(); !p.Contains(r) || r == p.Addr() {
			t.Fatalf("session %d: %v and %v are not on one link", k, l, r)
		}
		if a := r.As4(); sessionOf(a[1], a[2], a[3]) != k {
			t.Fatalf("session %d: found as %d", k, sessionOf(a[1], a[2], a[3]))
		}
	}
	for _, a := range [][3]byte{{17, 0, 2}, {20, 0, 2}, {18, 0, 1}, {18, 0, 250}} {
		if k := sessionOf(a[0], a[1], a[2]); k != -1 {
			t.Errorf("address …%v is taken for session %d", a, k)
		}
	}
}

package netlinkmon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// echoes awaits the echo sources of sessions 4 and 6, "" for a reason instead.
func (f *follower) echoes(four, six string) (reason4, reason6 string) {
	f.t.Helper()
	source := func(id uint32, want string) string {
		f.t.Helper()
		p := f.await(id, "echo source "+want, func(p Path) bool {
			return p.Ready && p.EchoSource == ip(want) && (p.EchoReason == "") == (want != "")
		})
		return p.EchoReason
	}
	return source(4, four), source(6, six)
}

func TestEchoSourceComesAndGoes(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.Watch(4, four1)
	m.Watch(6, Target{Peer: ip("2001:db8::2"), Interface: "x"})
	m.known(4, b.MAC(t, "y"))
	m.known(6, b.MAC(t, "y"))
	reasons := func(four, six, want4, want6 string) {
		t.Helper()
		if got4, got6 := m.echoes(four, six); got4 != want4 || got6 != want6 {
			t.Errorf("have %q, %q, want %q, %q", got4, got6, want4, want6)
		}
	}
	reasons("", "", noEcho, noEcho)
	m.SetEchoSource(EchoSource{Interface: "lo"})
	m.await(4, "reason", func(p Path) bool { return p.EchoReason != noEcho })
	m.await(6, "reason", func(p Path) bool { return p.EchoReason != noEcho })
	reasons("", "", "echo-source interface lo has no usable global IPv4 address", "echo-source interface lo has no usable global IPv6 address")

	start := time.Now()
	a.AddAddr(t, "lo", "10.10.10.2/32")
	a.AddAddr(t, "lo", "2001:db8:10::2/128")
	m.echoes("10.10.10.2", "2001:db8:10::2")
	t.Logf("addresses told after %v", time.Since(start))
	a.DelAddr(t, "lo", "10.10.10.2/32")
	reasons("", "2001:db8:10::2", "echo-source interface lo has no usable global IPv4 address", "")
	a.AddAddr(t, "lo", "10.10.10.3/32")
	m.echoes("10.10.10.3", "2001:db8:10::2")

	// The link's own subnet may come to hold what was fit before.
	a.AddAddr(t, "x", "10.10.10.1/24")
	reasons("", "2001:db8:10::2", "echo source 10.10.10.3 is within 10.10.10.0/24, a subnet of interface x", "")
	a.DelAddr(t, "x", "10.10.10.1/24")
	m.echoes("10.10.10.3", "2001:db8:10::2")

	// By address, which no interface need have.
	m.SetEchoSource(EchoSource{Addresses: []netip.Addr{ip("172.16.9.9"), ip("2001:db8:99::9")}})
	m.echoes("172.16.9.9", "2001:db8:99::9")
	m.SetEchoSource(EchoSource{Addresses: []netip.Addr{ip("fe80::9"), ip("192.0.2.77")}})
	m.await(6, "reason", func(p Path) bool { return p.EchoReason != "" })
	reasons("", "", "echo source 192.0.2.77 is within 192.0.2.0/24, a subnet of interface x", "echo source fe80::9 is link-local")
	m.SetEchoSource(EchoSource{Interface: "gone"})
	m.await(4, "reason", func(p Path) bool { return p.EchoReason == "echo-source interface gone does not exist" })
	m.SetEchoSource(EchoSource{})
	m.await(4, "reason", func(p Path) bool { return p.EchoReason == noEcho })
	m.await(6, "reason", func(p Path) bool { return p.EchoReason == noEcho })
	m.quiet(50 * time.Millisecond)
}

// The interface that the addresses come from may come, and go, at any time.
func TestEchoSourceInterfaceRemoved(t *testing.T) {
	a, b := pair(t)
	m := follow(t, a)
	m.SetEchoSource(EchoSource{Interface: "e"})
	m.Watch(4, four1)
	m.known(4, b.MAC(t, "y"))
	gone := func(p Path) bool { return p.EchoReason == "echo-source interface e does not exist" }
	m.await(4, "reason", gone)
	testnet.Veth(t, a, "e", b, "f")
	a.AddAddr(t, "e", "10.10.10.2/32")
	m.await(4, "echo source", func(p Path) bool { return p.EchoSource == ip("10.10.10.2") && p.EchoReason == "" })
	a.DelLink(t, "e")
	m.await(4, "reason", gone)
}

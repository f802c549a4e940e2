package interop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// host is one end of a link: a namespace with one interface that has an
// address of every kind.
type host struct {
	*testnet.NS
	ifname     string
	v4, v6, ll netip.Addr
}

// newLink returns two hosts joined by a veth pair: "a", where xbfd runs, and
// "b", where its peer does.
func newLink(t testing.TB, o ...netns.VethOptions) (a, b *host) {
	t.Helper()
	a, b = newHost(t, "a"), newHost(t, "b")
	testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname, o...)
	a.address(t)
	b.address(t)
	return a, b
}

// newLAN returns three hosts on one Ethernet.
func newLAN(t testing.TB) (a, b, c *host) {
	t.Helper()
	a, b, c = newHost(t, "a"), newHost(t, "b"), newHost(t, "c")
	bridge := testnet.NewBridge(t)
	for _, h := range []*host{a, b, c} {
		bridge.Join(t, h.NS, h.ifname)
		h.address(t)
	}
	return a, b, c
}

// newHost returns a host whose interface does not exist yet.
func newHost(t testing.TB, name string) *host {
	t.Helper()
	last := map[string]string{"a": "1", "b": "2", "c": "3"}[name]
	return &host{
		NS: testnet.NewNS(t, name), ifname: name,
		v4: netip.MustParseAddr("192.0.2." + last),
		v6: netip.MustParseAddr("2001:db8::" + last),
		ll: netip.MustParseAddr("fe80::" + last),
	}
}

func (h *host) address(t testing.TB) {
	t.Helper()
	h.AddAddr(t, h.ifname, h.v4.String()+"/24")
	h.AddAddr(t, h.ifname, h.v6.String()+"/64")
	h.AddAddr(t, h.ifname, h.ll.String()+"/64")
}

// eventually polls cond, at a pace that leaves the cores to the programs under test,
// and fails the test when it has not come true in time. A condition that takes long,
// such as one that asks vtysh, is asked the more seldom.
func eventually(t testing.TB, within time.Duration, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; {
		asked := time.Now()
		if cond() {
			return
		}
		now := time.Now()
		if now.After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(max(20*time.Millisecond, 4*now.Sub(asked)))
	}
}

// patience is how long a test waits for what takes protocol timers of seconds
// at most, on a machine that may be busy with other tests.
const patience = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

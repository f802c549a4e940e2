package testnet

import (
	"testing"

	"github.com/xbfd/xbfd/internal/netns"
)

// Bridge is a bridge in the middle of a test's network.
type Bridge struct {
	b     *netns.Bridge
	ports map[end]string
}

type end struct {
	ns     *NS
	ifname string
}

// NewBridge makes a bridge in a namespace of its own.
func NewBridge(t testing.TB) *Bridge {
	t.Helper()
	b, err := netns.NewBridge(NewNS(t, "mid").NS, "br")
	must(t, err)
	return &Bridge{b: b, ports: make(map[end]string)}
}

// Join gives namespace n an interface ifname that leads to the bridge.
func (b *Bridge) Join(t testing.TB, n *NS, ifname string, opts ...netns.VethOptions) {
	t.Helper()
	port, err := b.b.Port(n.NS, ifname, option(t, opts))
	must(t, err)
	b.ports[end{n, ifname}] = port
}

// Cut stops every frame between interface ifname of n and the bridge, in both
// directions, without a change of carrier.
func (b *Bridge) Cut(t testing.TB, n *NS, ifname string) {
	t.Helper()
	must(t, b.b.Cut(b.port(t, n, ifname)))
}

// Restore undoes Cut.
func (b *Bridge) Restore(t testing.TB, n *NS, ifname string) {
	t.Helper()
	must(t, b.b.Restore(b.port(t, n, ifname)))
}

func (b *Bridge) port(t testing.TB, n *NS, ifname string) string {
	t.Helper()
	port, ok := b.ports[end{n, ifname}]
	if !ok {
		t.Fatalf("interface %s of %s does not lead to the bridge", ifname, n.Name())
	}
	return port
}

//go:build vm

package matrix_test

import (
	"testing"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// bed is two namespaces; port p0 of one leads to p0 of the other, p1 to p1. The
// ports are up and have no address but IPv6's own.
type bed struct {
	driver matrix.Driver
	a, b   devices.NS
}

// ports are the names of a bed's interfaces.
var ports = []string{"p0", "p1"}

// newBed makes the bed of a driver. There is one at a time of each driver but veth.
func newBed(t *testing.T, driver matrix.Driver) *bed {
	t.Helper()
	d := &bed{driver, devices.New(t, "a"), devices.New(t, "b")}
	if driver == devices.Veth {
		for _, p := range ports {
			testnet.Veth(t, d.a.NS, p, d.b.NS, p, netns.VethOptions{Queues: 2})
		}
		return d
	}
	pairs := devices.Cards(t, string(driver))
	if len(pairs) < len(ports) {
		t.Fatalf("%d pairs of cards with driver %s, want %d", len(pairs), driver, len(ports))
	}
	for i, p := range ports {
		d.a.Take(t, pairs[i][0], p)
		d.b.Take(t, pairs[i][1], p)
	}
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

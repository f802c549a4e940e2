//go:build vm

package matrix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/matrix"
	"github.com/xbfd/xbfd/internal/vm/plan"
)

// bed is two namespaces; port p0 of one leads to p0 of the other, p1 to p1. The
// ports are up and have no address but IPv6's own.
type bed struct {
	driver matrix.Driver
	a, b   *testnet.NS
}

const veth = "veth"

// ports are the names of a bed's interfaces.
var ports = []string{"p0", "p1"}

// testedDrivers returns the drivers that this guest is to test.
func testedDrivers() (list []matrix.Driver) {
	for _, d := range strings.Fields(os.Getenv(plan.DriversEnv)) {
		list = append(list, matrix.Driver(d))
	}
	return list
}

// newBed makes the bed of a driver. There is one at a time of each driver but veth.
func newBed(t *testing.T, driver matrix.Driver) *bed {
	t.Helper()
	d := &bed{driver, testnet.NewNS(t, "a"), testnet.NewNS(t, "b")}
	if driver == veth {
		for _, p := range ports {
			testnet.Veth(t, d.a, p, d.b, p, netns.VethOptions{Queues: 2})
		}
		return d
	}
	for i, pair := range cards(t, driver)[:len(ports)] {
		for end, ns := range []*testnet.NS{d.a, d.b} {
			take(t, ns, pair[end], ports[i])
		}
	}
	return d
}

// cards returns the network cards of a driver by pairs, as the host has joined them:
// the last two bytes of their addresses are the number of the pair and the end.
func cards(t *testing.T, driver matrix.Driver) (pairs [][2]string) {
	t.Helper()
	const class = "/sys/class/net"
	entries, err := os.ReadDir(class)
	must(t, err)
	byPair := map[string][2]string{}
	for _, e := range entries {
		of, err := os.Readlink(filepath.Join(class, e.Name(), "device", "driver"))
		if err != nil || filepath.Base(of) != string(driver) {
			continue
		}
		l, err := netlink.LinkByName(e.Name())
		must(t, err)
		mac := l.Attrs().PermHWAddr
		if len(mac) != 6 {
			mac = l.Attrs().HardwareAddr
		}
		key := fmt.Sprintf("%02x", mac[4])
		pair := byPair[key]
		pair[mac[5]-1] = e.Name()
		byPair[key] = pair
	}
	for _, pair := range byPair {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
	if len(pairs) < len(ports) {
		t.Fatalf("%d pairs of cards with driver %s, want %d", len(pairs), driver, len(ports))
	}
	return pairs
}

// take moves a card into a namespace, by another name, until the test ends. The
// kernel would bring it back by itself, but in its own time.
func take(t *testing.T, ns *testnet.NS, card, name string) {
	t.Helper()
	home, err := os.Open("/proc/thread-self/ns/net") // the first thread may be elsewhere
	must(t, err)
	l, err := netlink.LinkByName(card)
	must(t, err)
	must(t, netlink.LinkSetNsFd(l, ns.FD()))
	must(t, rename(ns, card, name))
	t.Cleanup(func() {
		defer home.Close()
		err := rename(ns, name, card)
		if err == nil {
			err = ns.Do(func() error { return netlink.LinkSetNsFd(l, int(home.Fd())) })
		}
		if err != nil {
			t.Errorf("bring card %s back: %v", card, err)
		}
	})
	ns.SetUp(t, name)
}

// rename takes an interface down, since kernels before 6.3 want it to be, and gives it
// another name.
func rename(ns *testnet.NS, from, to string) error {
	if err := ns.NS.SetDown(from); err != nil {
		return err
	}
	return ns.NS.Rename(from, to)
}

// add makes a device in a namespace, which goes with the test, and brings it up.
func add(t *testing.T, ns *testnet.NS, l netlink.Link) {
	t.Helper()
	name := l.Attrs().Name
	must(t, ns.Do(func() error { return netlink.LinkAdd(l) }))
	t.Cleanup(func() { _ = ns.NS.DelLink(name) })
	ns.SetUp(t, name)
}

// enslave puts a port under a device. It is down while that happens, as bonds want
// it to be.
func enslave(t *testing.T, ns *testnet.NS, port, master string) {
	t.Helper()
	must(t, ns.NS.SetDown(port))
	must(t, ns.Do(func() error {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		m, err := netlink.LinkByName(master)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, m)
	}))
	ns.SetUp(t, port)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package devices

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/features"
	"github.com/xbfd/xbfd/internal/vm/plan"
)

// Veth is the driver that every guest has, without a card.
const Veth = "veth"

// Drivers returns those that this guest is to test.
func Drivers() []string { return strings.Fields(os.Getenv(plan.DriversEnv)) }

// Cards returns the guest's network cards of a driver by pairs, as the host has joined
// them. No card may be in use by another test.
func Cards(t testing.TB, driver string) (pairs [][2]string) {
	t.Helper()
	const class = "/sys/class/net"
	entries, err := os.ReadDir(class)
	must(t, err)
	byPair := make(map[byte][2]string)
	for _, e := range entries {
		of, err := os.Readlink(filepath.Join(class, e.Name(), "device", "driver"))
		if err != nil || filepath.Base(of) != driver {
			continue
		}
		pair, end := place(t, e.Name())
		ends := byPair[pair]
		ends[end] = e.Name()
		byPair[pair] = ends
	}
	if len(byPair) == 0 {
		t.Fatalf("no cards with driver %s", driver)
	}
	for _, pair := range byPair {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
	return pairs
}

// place reads the number of a card's pair and end from its Ethernet address, in which
// the host has put them last, from 1. A bond may have given the card another one.
func place(t testing.TB, card string) (pair, end byte) {
	t.Helper()
	l, err := netlink.LinkByName(card)
	must(t, err)
	mac := l.Attrs().PermHWAddr
	if len(mac) != 6 {
		mac = l.Attrs().HardwareAddr
	}
	return mac[4], mac[5] - 1
}

// Take moves a card of the guest's into the namespace, by another name, and up. The
// kernel would bring it back by itself, but in its own time: at the test's end it is.
func (n NS) Take(t testing.TB, card, name string) {
	t.Helper()
	const home = 1 // the first process is where the cards are
	l, err := netlink.LinkByName(card)
	must(t, err)
	must(t, netlink.LinkSetNsFd(l, n.FD()))
	t.Cleanup(func() {
		err := n.rename(name, card)
		if err == nil {
			err = n.Do(func() error { return netlink.LinkSetNsPid(l, home) })
		}
		if err != nil {
			t.Errorf("bring card %s back: %v", card, err)
		}
	})
	must(t, n.rename(card, name))
	n.SetUp(t, name)
}

// rename takes an interface down, since kernels before 6.3 want it to be, and gives it
// another name.
func (n NS) rename(from, to string) error {
	if err := n.NS.NS.SetDown(from); err != nil || from == to {
		return err
	}
	return n.NS.NS.Rename(from, to)
}

// KeepTags has a card leave VLAN tags in the frames until the test ends.
func (n NS) KeepTags(t testing.TB, ifname string) {
	t.Helper()
	const takesOff = "rx-vlan-hw-parse"
	set := func(on bool) {
		must(t, n.Do(func() error {
			d, err := features.Open(ifname)
			if err != nil {
				return err
			}
			defer d.Close()
			return d.Set(takesOff, on)
		}))
	}
	set(false)
	t.Cleanup(func() { set(true) })
}

// Promiscuous has a card take every frame until the test ends.
func (n NS) Promiscuous(t testing.TB, ifname string) {
	t.Helper()
	set := func(how func(netlink.Link) error) error {
		return n.Do(func() error {
			l, err := netlink.LinkByName(ifname)
			if err != nil {
				return err
			}
			return how(l)
		})
	}
	must(t, set(netlink.SetPromiscOn))
	t.Cleanup(func() { must(t, set(netlink.SetPromiscOff)) })
}

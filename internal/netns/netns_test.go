package netns_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

func inside(t *testing.T, n *testnet.NS) string {
	t.Helper()
	var link string
	err := n.Do(func() (err error) {
		link, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestDoIsInside(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if inside(t, a) == home || inside(t, a) == inside(t, b) {
		t.Errorf("home %s, a %s, b %s", home, inside(t, a), inside(t, b))
	}
	var st, stA unix.Stat_t
	if err := unix.Stat(a.Path(), &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fstat(a.FD(), &stA); err != nil || st.Ino != stA.Ino {
		t.Errorf("path %s leads elsewhere: %v", a.Path(), err)
	}
	// However often Do runs, and on whichever thread, the process stays home.
	for range 100 {
		if inside(t, b) == home {
			t.Fatal("ran at home")
		}
	}
	if now, _ := os.Readlink("/proc/self/ns/net"); now != home {
		t.Errorf("process moved from %s to %s", home, now)
	}
}

func TestCommand(t *testing.T) {
	testnet.NoLeaks(t)
	n := testnet.NewNS(t, "n")
	want := inside(t, n)

	out, err := n.Command(t.Context(), "readlink", "/proc/self/ns/net").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("child ran in %q, want %q: %v", got, want, err)
	}
	out, err = n.Command(t.Context(), "sh", "-c", "echo no >&2; exit 3").CombinedOutput()
	if err == nil || string(out) != "no\n" {
		t.Errorf("output %q, error %v", out, err)
	}
	if err := n.Command(t.Context(), "true").Run(); err != nil {
		t.Error(err)
	}
	if err := n.Command(t.Context(), "/nonexistent").Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want not exist, have %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	c := n.Command(ctx, "sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink("/proc/" + strconv.Itoa(c.Process.Pid) + "/ns/net"); err != nil || got != want {
		t.Errorf("started child is in %q, want %q: %v", got, want, err)
	}
	// Threads come and go; the child must outlive them.
	for range 20 {
		_ = inside(t, n)
	}
	if err := c.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("child did not live: %v", err)
	}
	cancel()
	if err := c.Wait(); err == nil {
		t.Error("child ended by itself")
	}
}

func TestVethOptions(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	mac, peer := net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	testnet.Veth(t, a, "x", b, "y", netns.VethOptions{Queues: 4, MAC: mac, PeerMAC: peer, MTU: 1400})
	if got := a.MAC(t, "x").String(); got != mac.String() {
		t.Errorf("MAC %s", got)
	}
	if got := b.MAC(t, "y").String(); got != peer.String() {
		t.Errorf("peer MAC %s", got)
	}
	for _, end := range []struct {
		n  *testnet.NS
		is string
	}{{a, "x"}, {b, "y"}} {
		if !end.n.Link(t, end.is).Carrier {
			t.Errorf("%s has no carrier", end.is)
		}
		// /sys shows the namespace of its mount, so a mount of its own is needed.
		script := "mount -t sysfs s /sys && cat /sys/class/net/" + end.is + "/mtu && ls -d /sys/class/net/" + end.is + "/queues/rx-* | wc -l"
		out, err := end.n.Command(t.Context(), "unshare", "-m", "sh", "-c", script).CombinedOutput()
		if err != nil || string(out) != "1400\n4\n" {
			t.Errorf("%s: mtu and queues %q, %v", end.is, out, err)
		}
	}

	a.SetDown(t, "x")
	if a.Link(t, "x").Up {
		t.Error("x is up")
	}
	a.Rename(t, "x", "z")
	other := net.HardwareAddr{2, 0, 0, 0, 0, 3}
	a.SetMAC(t, "z", other)
	if got := a.MAC(t, "z").String(); got != other.String() {
		t.Errorf("MAC %s", got)
	}
	a.DelLink(t, "z")
	if _, err := b.NS.Link("y"); err == nil {
		t.Error("the other end is still there")
	}
}

// An IPv6 address must be fit for use at once, link-local ones too.
func TestIPv6WithoutWait(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y")
	b.AddAddr(t, "y", "2001:db8::2/64")
	start := time.Now()
	a.AddAddr(t, "x", "2001:db8::1/64")
	err := a.Do(func() error {
		c, err := net.Dial("udp6", "[2001:db8::2]:9")
		if err != nil {
			return err
		}
		defer c.Close()
		if got := c.LocalAddr().(*net.UDPAddr).IP.String(); got != "2001:db8::1" {
			t.Errorf("source %s", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 500*time.Millisecond {
		t.Errorf("took %v", d)
	}
}

func TestThousandAddresses(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y")
	mac := b.MAC(t, "y")
	var prefixes []netip.Prefix
	var neighs []netns.Neigh
	for i := range 1000 {
		hi, lo := byte(i/100), byte(i%100*2)
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, hi, lo}), 31))
		neighs = append(neighs, netns.Neigh{IP: netip.AddrFrom4([4]byte{10, 0, hi, lo + 1}), MAC: mac})
	}
	start := time.Now()
	if err := a.NS.AddAddr("x", prefixes...); err != nil {
		t.Fatal(err)
	}
	if err := a.AddNeigh("x", neighs...); err != nil {
		t.Fatal(err)
	}
	d := time.Since(start)
	t.Logf("1000 addresses and 1000 neighbours in %v", d)
	if d > time.Second {
		t.Errorf("took %v", d)
	}
	if n := a.Neighs(t, "x"); len(n) < 1000 {
		t.Errorf("%d neighbours", len(n))
	}
}

// The kernel works on new IPv6 addresses in the background, also while their
// list is read.
func TestThousandIPv6Addresses(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y")
	var prefixes []netip.Prefix
	for i := range 2000 {
		ip := netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 10: byte(i >> 8), 11: byte(i), 15: 1})
		prefixes = append(prefixes, netip.PrefixFrom(ip, 64))
	}
	if err := a.NS.AddAddr("x", prefixes...); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsNameTheSubject(t *testing.T) {
	n := testnet.NewNS(t, "n")
	for _, err := range []error{
		n.NS.SetUp("nope"), n.NS.DelLink("nope"), n.NS.AddAddr("nope", netip.MustParsePrefix("192.0.2.1/24")),
		n.NS.AddRoute("nope", netip.MustParsePrefix("192.0.2.0/24"), netip.Addr{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "nope") || !strings.Contains(err.Error(), n.Name()) {
			t.Errorf("error %v", err)
		}
	}
	if err := n.NS.Sysctl("net/ipv4/no_such_thing", "1"); err == nil {
		t.Error("wrote a parameter that does not exist")
	}
}

// An interface goes under a master and out of it again, and says what is missing.
func TestSetMaster(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "y")
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	a.AddLink(t, &netlink.Bridge{LinkAttrs: attrs})
	master := func() (index int) {
		t.Helper()
		err := a.Do(func() error {
			l, err := netlink.LinkByName("x")
			if err == nil {
				index = l.Attrs().MasterIndex
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return index
	}
	a.SetMaster(t, "x", "br0")
	if got, want := master(), a.Ifindex(t, "br0"); got != want {
		t.Errorf("master %d, want %d", got, want)
	}
	a.SetMaster(t, "x", "")
	if got := master(); got != 0 {
		t.Errorf("master %d, want none", got)
	}
	for _, names := range [][2]string{{"x", "nobody"}, {"nobody", "br0"}, {"nobody", ""}} {
		if err := a.NS.SetMaster(names[0], names[1]); err == nil || !strings.Contains(err.Error(), "find interface nobody in a") {
			t.Errorf("%q under %q: %v", names[0], names[1], err)
		}
	}
	if err := a.NS.AddLink(&netlink.Bridge{LinkAttrs: attrs}); err == nil || !strings.Contains(err.Error(), "add bridge br0 in a") {
		t.Errorf("a second br0: %v", err)
	}
}

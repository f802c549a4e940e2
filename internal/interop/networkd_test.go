package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
)

// networkd is a systemd-networkd that manages a host's interface, with files and a
// message bus of its own, by which networkctl reaches it.
type networkd struct {
	host    *host
	log     *journal
	bus     *process // all run in its mount namespace
	process *process
}

const (
	networkdPath = "/lib/systemd/systemd-networkd"
	networkFile  = "/run/systemd/network/10-a.network"
)

// networkdRoom makes the mount namespace. networkd waits for udev to tell it of each
// interface where it may write to /sys, and has no udev here.
const networkdRoom = `set -e
mount --make-rprivate /
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/systemd/network /run/systemd/netif
chown systemd-network: /run/systemd/netif
printf '%s' "$1" >` + networkFile + `
printf '%s' "$2" >/run/bus.conf
exec dbus-daemon --nofork --config-file=/run/bus.conf`

const busConfig = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`

func newNetworkd(t testing.TB, h *host, network string) *networkd {
	t.Helper()
	for _, path := range []string{networkdPath, "/usr/bin/dbus-daemon"} {
		_, err := os.Stat(path)
		testnet.Require(t, err == nil, "systemd-networkd needs "+path+": apt-get install systemd dbus-daemon")
	}
	n := &networkd{host: h, log: newJournal(t, "systemd-networkd")}
	n.bus = spawn(t, h.NS, n.log, "unshare", "--mount", "sh", "-c", networkdRoom, "sh", network, busConfig)
	eventually(t, patience, "the bus is there", func() bool {
		_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(n.bus.pid), "root/run/dbus/system_bus_socket"))
		return err == nil
	})
	n.start(t)
	return n
}

// enter is a command line for the mount namespace.
func (n *networkd) enter(args ...string) []string {
	return append([]string{"--mount", "--target", strconv.Itoa(n.bus.pid)}, args...)
}

func (n *networkd) start(t testing.TB) {
	t.Helper()
	n.process = spawn(t, n.host.NS, n.log, "nsenter", n.enter(networkdPath)...)
	n.configured(t)
}

func (n *networkd) stop(t testing.TB, s syscall.Signal) {
	t.Helper()
	n.process.signal(t, s)
	<-n.process.gone
}

// ctl runs networkctl, and waits until the interface is as it is to be again.
func (n *networkd) ctl(t testing.TB, args ...string) {
	t.Helper()
	if out, err := n.run(t, append([]string{"networkctl"}, args...)...); err != nil {
		t.Fatalf("networkctl %q: %v\n%s", args, err, out)
	}
	n.configured(t)
}

// run runs a program in the mount namespace and returns what it writes.
func (n *networkd) run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	out, err := n.host.Command(t.Context(), "nsenter", n.enter(args...)...).CombinedOutput()
	return string(out), err
}

// configured waits until networkd itself says so: what networkctl shows may be of the
// one before it.
func (n *networkd) configured(t testing.TB) {
	t.Helper()
	object := fmt.Sprintf("/org/freedesktop/network1/link/_3%d", n.host.Ifindex(t, n.host.ifname))
	eventually(t, patience, "networkd has configured the interface", func() bool {
		out, _ := n.run(t, "busctl", "get-property", "org.freedesktop.network1", object, "org.freedesktop.network1.Link", "AdministrativeState")
		return strings.Contains(out, `"configured"`)
	})
}

// systemd-networkd, left as it comes, removes routes and nexthops that it has not made
// itself when it configures an interface, and takes addresses away and puts them
// back. Sessions go on, and what they keep in the kernel is back at once.
func TestNetworkd(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	network := fmt.Sprintf(`[Match]
Name=%s
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
Address=%s/24
[Address]
Address=%s/64
DuplicateAddressDetection=none
[Address]
Address=%s/64
DuplicateAddressDetection=none
`, a.ifname, a.v4, a.v6, a.ll)
	n := newNetworkd(t, a, network)
	patient := func(config string) string { return withMultiplier(config, 2*mult) }
	da := start(t, a, patient(pair(a, b))+fmt.Sprintf(`routes:
  - {prefix: 198.51.100.0/24, via: [%s], profile: p}
  - {prefix: "2001:db8:9::/48", via: [{gateway: "%s", local-address: "%s"}], profile: p}
  - {prefix: 10.9.0.0/16, nexthop-group: 7}
nexthop-groups: [{id: 7, via: [{gateway: %[1]s, interface: %[4]s}], profile: p}]
addresses: [{address: 203.0.113.5/32, interface: %[4]s, peers: [%[1]s], profile: p}]
`, b.v4, b.v6, a.v6, a.ifname))
	db := start(t, b, patient(pair(b, a)))
	da.waitUp(t)
	db.waitUp(t)
	there := func(when string) {
		t.Helper()
		a.waitRoutes(t, when, "198.51.100.0/24 via 192.0.2.2 dev a metric 20", "2001:db8:9::/48 via 2001:db8::2 dev a metric 20", "10.9.0.0/16 nhid 7 via 192.0.2.2 dev a metric 20")
		eventually(t, patience, when+": the address is there", func() bool { return strings.Contains(a.ip(t, "-o addr show dev a"), "203.0.113.5/32") })
		kept(t, when, da, db)
	}
	there("at first")
	since := da.status(t).Interfaces[0].TransportSince
	// disturbs waits until what somebody does has cost a route, and xbfd has put it back.
	put := func() int { return len(da.log.lines(`msg=route-added what="198.51.100.0/24`)) }
	disturbs := func(do func()) {
		before := put()
		do()
		eventually(t, patience, "a route is put back", func() bool { return put() > before })
	}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"reload", func() { n.ctl(t, "reload") }},
		{"reconfigure", func() { disturbs(func() { n.ctl(t, "reconfigure", a.ifname) }) }},
		{"restart", func() { n.stop(t, syscall.SIGTERM); n.start(t) }},
		{"crash", func() { n.stop(t, syscall.SIGKILL); n.start(t) }},
		{"reload of another file", func() {
			path := filepath.Join("/proc", strconv.Itoa(n.bus.pid), "root", networkFile)
			must(t, os.WriteFile(path, []byte(strings.Replace(network, "[Network]", "[Network]\nLLDP=no", 1)), 0o644))
			disturbs(func() { n.ctl(t, "reload") })
		}},
	} {
		step.do()
		there(step.what)
	}
	if i := da.status(t).Interfaces[0]; i.TransportSince != since {
		t.Errorf("the interface was opened anew, at %v", i.TransportSince)
	}
}

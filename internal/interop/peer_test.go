package interop

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
)

// mult is the detection multiplier of most tests, at both ends: large, because
// the tests share the machine with others that stall it for longer than
// anybody's usual detection time, and all the programs in it alike.
const mult = 20

// oneSession is the configuration of a session with b's IPv4 address.
func oneSession(b *host, interval time.Duration, more string) string {
	return fmt.Sprintf("shutdown-hold: 500ms\nprofiles: {slow: {detect-multiplier: %d}}\n"+
		"peers:\n  - {peer: %s, profile: slow, transmit-interval: %v, receive-interval: %[3]v%s}\n",
		mult, b.v4, interval, more)
}

// withMultiplier returns a configuration of one of the tests' with another multiplier.
func withMultiplier(config string, n int) string {
	of := func(n int) string { return fmt.Sprintf("detect-multiplier: %d", n) }
	return strings.Replace(config, of(mult), of(n), 1)
}

// pairing is one session that the other daemon is to run.
type pairing struct {
	local, peer netip.Addr
	ifname      string // for link-local addresses; empty: the route decides
	multihop    bool
}

// speech is how the other daemon is to run its sessions.
type speech struct {
	sessions []pairing
	interval time.Duration // both directions
	mult     int
	passive  bool
	more     string // of BIRD's configuration
	atOnce   bool   // FRR takes several commands as one change
}

// view is what the other daemon shows of one session.
type view struct {
	up       bool
	tx       time.Duration // its negotiated transmit interval
	detect   time.Duration // its detection time
	failures int           // how often it lost the session, as far as it tells
}

// neighbor is the daemon at the other end.
type neighbor interface {
	// views returns its sessions by the address of their peer.
	views(t testing.TB) map[netip.Addr]view
	// retime gives all its sessions another interval while it runs.
	retime(t testing.TB, interval time.Duration)
	signal(t testing.TB, s syscall.Signal)
	kill(t testing.TB)
	// revive starts it again after kill.
	revive(t testing.TB)
}

type starter = func(testing.TB, *host, speech) neighbor

// foreign are the daemons of other projects.
var foreign = map[string]starter{
	"frr":  func(t testing.TB, h *host, s speech) neighbor { return startFRR(t, h, s) },
	"bird": func(t testing.TB, h *host, s speech) neighbor { return startBIRD(t, h, s) },
}

// withForeign runs a scenario against every foreign daemon, all at once.
func withForeign(t *testing.T, scenario func(t *testing.T, start starter)) {
	t.Parallel()
	for name, start := range foreign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, start)
		})
	}
}

// withEach is withForeign and a second xbfd.
func withEach(t *testing.T, scenario func(t *testing.T, start starter)) {
	withForeign(t, scenario)
	t.Run("xbfd", func(t *testing.T) {
		t.Parallel()
		scenario(t, func(t testing.TB, h *host, s speech) neighbor { return startTwin(t, h, s) })
	})
}

// waitPeerUp waits until the other daemon shows all of its sessions Up.
func waitPeerUp(t testing.TB, n neighbor, count int) {
	t.Helper()
	eventually(t, patience, "peer shows its sessions up", func() bool {
		up := 0
		for _, v := range n.views(t) {
			if v.up {
				up++
			}
		}
		return up == count
	})
}

// towards returns the session of b with a's IPv4 address.
func towards(a, b *host) []pairing { return []pairing{{local: b.v4, peer: a.v4}} }

// crowd gives the ends of a link addresses for so many sessions more, and returns these
// as b has them. Each end has the other's addresses as permanent neighbours: of those
// that it resolves the kernel has 1,024 at most, over all namespaces
// (net.ipv4.neigh.default.gc_thresh3), and other tests need some too.
func crowd(t testing.TB, a, b *host, count int) (sessions []pairing) {
	t.Helper()
	hosts, macs := [2]*host{a, b}, [2]net.HardwareAddr{a.MAC(t, a.ifname), b.MAC(t, b.ifname)}
	var own [2][]netip.Prefix
	var others [2][]netns.Neigh
	for i := range count {
		var addr [2]netip.Addr
		for end := range hosts {
			addr[end] = netip.AddrFrom4([4]byte{198, byte(18 + end), byte((i + 1) >> 8), byte(i + 1)})
			own[end] = append(own[end], netip.PrefixFrom(addr[end], 15))
			others[1-end] = append(others[1-end], netns.Neigh{IP: addr[end], MAC: macs[end]})
		}
		sessions = append(sessions, pairing{local: addr[1], peer: addr[0]})
	}
	for end, h := range hosts {
		must(t, h.NS.NS.AddAddr(h.ifname, own[end]...))
		must(t, h.AddNeigh(h.ifname, others[end]...))
	}
	return sessions
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

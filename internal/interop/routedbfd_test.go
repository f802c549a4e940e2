package interop

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// failover is a host with FRR and xbfd, and two routers with BIRD that offer it the
// same prefix: b's is the better way.
type failover struct {
	*offload
	a, b, c *host
	bridge  *testnet.Bridge
}

const (
	offered   = "203.0.113.0/24"
	inOffered = "203.0.113.1"
)

// routing is how a protocol makes the two ways.
type routing struct {
	program string                  // of FRR, besides zebra and bfdd
	host    func(b, c *host) string // FRR's configuration
	router  string                  // BIRD's protocol; METRIC makes the way worse
}

var routings = map[string]routing{
	"bgp": {
		program: "bgpd",
		host: func(b, c *host) string {
			text := "router bgp 65001\n bgp router-id 192.0.2.1\n no bgp ebgp-requires-policy\n"
			for _, h := range []*host{b, c} {
				text += fmt.Sprintf(" neighbor %s remote-as 65002\n neighbor %[1]s bfd\n neighbor %[1]s bfd profile test\n neighbor %[1]s timers connect 1\n", h.v4)
			}
			return text + "exit\n"
		},
		router: "protocol bgp { local LOCAL as 65002; neighbor 192.0.2.1 as 65001; bfd on; connect delay time 1; error wait time 1, 1;\n" +
			" ipv4 { import none; export filter { bgp_med = METRIC; accept; }; }; }\n",
	},
	"ospf": {
		program: "ospfd",
		host: func(b, _ *host) string {
			return "router ospf\n ospf router-id 192.0.2.1\n timers throttle lsa all 0\n timers throttle spf 0 10 100\nexit\ninterface a\n ip ospf priority 255\n" +
				" ip ospf hello-interval 1\n ip ospf dead-interval 10\n ip ospf bfd\n ip ospf bfd profile test\n ip ospf area 0\nexit\n" // last: it starts the wait for another DR
		},
		router: "protocol ospf v2 { ipv4 { import none; export none; };\n" +
			" area 0 { stubnet " + offered + " { cost METRIC; }; interface \"IFNAME\" { hello 1; dead 10; wait 10; priority 0; bfd on; }; }; }\n",
	},
}

func startFailover(t *testing.T, r routing) *failover {
	t.Helper()
	_, err := os.Stat(filepath.Join(frrDir, r.program))
	testnet.Require(t, err == nil, "needs FRR's "+r.program+" (Debian package frr)")
	f := &failover{a: newHost(t, "a"), b: newHost(t, "b"), c: newHost(t, "c"), bridge: testnet.NewBridge(t)}
	for i, h := range []*host{f.b, f.c, f.a} {
		f.bridge.Join(t, h.NS, h.ifname)
		h.address(t)
		if h == f.a {
			continue
		}
		routes := "protocol static { ipv4; route " + offered + " blackhole; }\n" +
			strings.NewReplacer("LOCAL", h.v4.String(), "IFNAME", h.ifname, "METRIC", fmt.Sprint(10*(i+1))).Replace(r.router)
		startBIRD(t, h, speech{interval: 50 * time.Millisecond, mult: mult, more: routes})
	}
	f.offload = startOffload(t, f.a, speech{interval: 50 * time.Millisecond, mult: mult}, "zebra", r.program, "bfdd")
	file := f.path("routing")
	must(t, os.WriteFile(file, []byte(r.host(f.b, f.c)), 0o644))
	out, err := exec.Command("vtysh", "--vty_socket", f.dir, "-d", r.program, "-f", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return f
}

// by returns the gateway that the kernel uses.
func (f *failover) by(t testing.TB) string {
	t.Helper()
	out, err := f.a.Command(t.Context(), "ip", "-4", "route", "get", inOffered).CombinedOutput()
	if err != nil {
		return ""
	}
	_, via, _ := strings.Cut(string(out), " via ")
	via, _, _ = strings.Cut(via, " ")
	return via
}

// TestFailover cuts the better way in silence: the routing protocol of FRR leaves it
// as soon as xbfd says so, and comes back.
func TestFailover(t *testing.T) {
	t.Parallel()
	for name, r := range routings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFailover(t, r)
			f.waitUp(t, 2)
			eventually(t, 2*patience, "the better way is taken", func() bool { return f.by(t) == f.b.v4.String() })
			f.bridge.Cut(t, f.b.NS, f.b.ifname)
			cut := time.Now()
			eventually(t, 8*time.Second, "the other way is taken", func() bool { return f.by(t) == f.c.v4.String() })
			t.Logf("%s: %v from the cut to the other way, of which %v are the detection time", name, time.Since(cut).Round(time.Millisecond), mult*50*time.Millisecond)
			f.sees(t, f.b.v4, false)
			f.sees(t, f.c.v4, true)
			f.bridge.Restore(t, f.b.NS, f.b.ifname)
			eventually(t, 2*patience, "the better way is back", func() bool { return f.by(t) == f.b.v4.String() })
			f.sees(t, f.b.v4, true)
		})
	}
}

// sees waits until bfdd shows a session up, or not: ospfd takes back that of a
// neighbour it has lost.
func (f *failover) sees(t *testing.T, peer netip.Addr, up bool) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("bfdd has the session with %v up: %v", peer, up), func() bool {
		for _, p := range f.show(t, "show bfd peers json") {
			if p.Peer == peer {
				return (p.Status == "up") == up
			}
		}
		return !up
	})
}

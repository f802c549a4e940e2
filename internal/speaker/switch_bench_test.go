package speaker

import (
	"net"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// BenchmarkSwitch changes the transport of an interface under 20 sessions at 4 ms,
// which take so long to detect anything that none fails. It tells how long a change
// takes, and the longest time for which a session of this end, and one of the far
// end, had no packet; with another program on port 3784, too, where the sockets
// cannot help out.
func BenchmarkSwitch(b *testing.B) {
	for _, way := range [][2]string{{"xdp", "xdp-generic"}, {"xdp", "udp"}, {"xdp", "xdp"}} {
		b.Run(way[0]+" "+way[1], func(b *testing.B) { benchSwitch(b, way, false) })
		if way[1] != "udp" {
			b.Run(way[0]+" "+way[1]+"/port taken", func(b *testing.B) { benchSwitch(b, way, true) })
		}
	}
}

func benchSwitch(b *testing.B, way [2]string, taken bool) {
	ns := testnet.NewNS(b, "a")
	if taken {
		takePort(b, ns)
	}
	c := newCoupleIn(b, ns, 20, Options{}, netns.VethOptions{}, func(p *session.Params) {
		p.DesiredMinTx, p.RequiredMinRx, p.DetectMult = 4_000, 4_000, 250
	})
	var took, here, there time.Duration
	for n := range 2 * b.N {
		c.hush()
		began := time.Now()
		must(b, c.s[0].Switch(b.Context(), "x", way[(n+1)%2], "a benchmark"))
		took += time.Since(began)
		time.Sleep(50 * time.Millisecond)
		here += c.deaf(0)
		there += c.deaf(1)
	}
	n := float64(2 * b.N)
	b.ReportMetric(took.Seconds()*1e3/n, "ms/switch")
	b.ReportMetric(here.Seconds()*1e3/n, "ms-deaf")
	b.ReportMetric(there.Seconds()*1e3/n, "ms-mute")
}

// hush has watch begin anew.
func (c *couple) hush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silence = [2]map[uint32]*silence{{}, {}}
}

// takePort has somebody else own the port of BFD until the test ends.
func takePort(t testing.TB, ns *testnet.NS) {
	t.Helper()
	must(t, ns.Do(func() error {
		conn, err := net.ListenPacket("udp", ":3784")
		if err == nil {
			t.Cleanup(func() { must(t, conn.Close()) })
		}
		return err
	}))
}

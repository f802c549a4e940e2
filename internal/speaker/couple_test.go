package speaker

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// couple are two hosts on one link with a Speaker each and sessions between them.
type couple struct {
	ns   [2]*testnet.NS
	s    [2]*Speaker
	name [2]string
	ids  [2][]uint32

	agreed time.Duration // the Detection Time to come to
	echo   bool

	mu      sync.Mutex
	silence [2]map[uint32]*silence // by session
}

// newCouple brings count sessions up; change may alter their parameters.
func newCouple(t testing.TB, count int, o Options, queues netns.VethOptions, change func(*session.Params)) *couple {
	t.Helper()
	return newCoupleIn(t, testnet.NewNS(t, "a"), count, o, queues, change)
}

// newCoupleIn is newCouple with one side in a namespace.
func newCoupleIn(t testing.TB, ns *testnet.NS, count int, o Options, queues netns.VethOptions, change func(*session.Params)) *couple {
	t.Helper()
	c := &couple{ns: [2]*testnet.NS{ns, testnet.NewNS(t, "b")}, name: [2]string{"x", "bx"}}
	testnet.Veth(t, c.ns[0], "x", c.ns[1], "bx", queues)
	var addrs [2][]netip.Addr
	macs := [2]net.HardwareAddr{c.ns[0].MAC(t, "x"), c.ns[1].MAC(t, "bx")}
	for n := range count {
		for side := range 2 {
			a := netip.AddrFrom4([4]byte{198, byte(18 + side), byte(n >> 7), byte(n&127 + 1)})
			addrs[side] = append(addrs[side], a)
			c.ns[side].AddAddr(t, c.name[side], a.String()+"/15")
			c.ns[1-side].Neigh(t, c.name[1-side], a.String(), macs[side])
		}
	}
	for side := range 2 {
		// Permanent: of others the kernel has so many for all namespaces together.
		mac, neighs := c.ns[1-side].Link(t, c.name[1-side]).MAC, []netns.Neigh(nil)
		for _, a := range addrs[1-side] {
			neighs = append(neighs, netns.Neigh{IP: a, MAC: mac})
		}
		must(t, c.ns[side].NS.AddNeigh(c.name[side], neighs...))
	}
	p := params(session.SingleHop)
	p.DesiredMinTx, p.RequiredMinRx, p.DetectMult = 50_000, 50_000, 20 // more than a machine stands still
	if change != nil {
		change(&p)
	}
	p.DetectMult *= patience
	c.echo = p.EchoTx != 0
	c.agreed = time.Duration(p.DetectMult) * time.Duration(p.RequiredMinRx) * time.Microsecond
	for side := range 2 {
		c.s[side], _, _ = newSpeaker(t, c.ns[side], o)
		c.s[side].SetEchoSource(netlinkmon.EchoSource{Addresses: []netip.Addr{netip.MustParseAddr("10.10.10.2")}})
		for n := range count {
			d, err := c.s[side].Add(netlinkmon.Target{Peer: addrs[1-side][n], Local: addrs[side][n]}, engine.Spec{Params: p})
			must(t, err)
			c.ids[side] = append(c.ids[side], d)
		}
	}
	c.waitUp(t)
	for side := range 2 {
		c.s[side].Engine().ClearAll()
	}
	c.watch(t)
	return c
}

// silence is how long a session has been seen to receive nothing.
type silence struct {
	received uint64
	since    time.Time
	longest  time.Duration
}

// watch looks at what every session has received until the test ends. How late it
// looks makes no silence longer.
func (c *couple) watch(t testing.TB) {
	c.silence = [2]map[uint32]*silence{{}, {}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	go func() {
		defer close(stopped)
		for tick := time.Tick(5 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				c.listen(t)
			}
		}
	}()
}

func (c *couple) listen(t testing.TB) {
	for side := range 2 {
		list := make([]engine.Status, len(c.ids[side]))
		began := time.Now()
		if c.s[side].Engine().StatusesOf(t.Context(), c.ids[side], list) != nil {
			return
		}
		c.mu.Lock()
		for _, st := range list {
			n, s := st.Counters.Rx+st.RxHeard, c.silence[side][st.Discr]
			switch {
			case s == nil:
				c.silence[side][st.Discr] = &silence{n, time.Now(), 0}
			case s.received != n:
				s.received, s.since = n, time.Now()
			default:
				s.longest = max(s.longest, began.Sub(s.since))
			}
		}
		c.mu.Unlock()
	}
}

// deaf returns the longest time that a session of one side received nothing.
func (c *couple) deaf(side int) (longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.silence[side] {
		longest = max(longest, s.longest)
	}
	return longest
}

func (c *couple) statuses(t testing.TB, side int) (list []engine.Status) {
	t.Helper()
	list = make([]engine.Status, len(c.ids[side]))
	must(t, c.s[side].Engine().StatusesOf(t.Context(), c.ids[side], list))
	return list
}

// held finds fault with sessions that have been down, and with those that were
// without a packet for longer than three intervals and workers that stood still
// explain. Echo slows Control down, so there only the sessions tell.
func (c *couple) held(t *testing.T, what string) {
	t.Helper()
	if !c.echo {
		c.goesOn(t)
	}
	stood := c.stood(t)
	for side := range 2 {
		failed, diags, gap := 0, make(map[packet.Diag]int), time.Duration(0)
		for _, st := range c.statuses(t, side) {
			if st.State != packet.Up || st.Counters.Down != 0 {
				failed++
				diags[st.Diag]++
			}
		}
		if !c.echo {
			gap = c.deaf(side)
			t.Logf("%s: %s silent for %v at most, workers stood still for %v", what, c.name[side], gap, stood)
		}
		if failed > 0 {
			t.Errorf("%s: %d of %d sessions of %s flapped (diagnostics now %v; workers stood still for %v)", what, failed, len(c.ids[side]), c.name[side], diags, stood)
		}
		if most := 150*patience*time.Millisecond + stood; gap > most {
			t.Errorf("%s: a session of %s had no packet for %v, and workers stood still for no more than %v", what, c.name[side], gap, stood)
		}
	}
}

// stood returns the longest time that a packet can have been held up by workers of
// either side that stood still.
func (c *couple) stood(t *testing.T) (sum time.Duration) {
	t.Helper()
	for side := range 2 {
		longest := time.Duration(0)
		totals, err := c.s[side].Engine().WorkerTotals(t.Context())
		must(t, err)
		for _, w := range totals {
			longest = max(longest, time.Duration(w.MaxStall))
		}
		sum += longest
	}
	return sum
}

// goesOn waits until every session of both sides has received several more packets.
func (c *couple) goesOn(t *testing.T) {
	t.Helper()
	received := func() (list []uint64) {
		for side := range 2 {
			for _, st := range c.statuses(t, side) {
				list = append(list, st.Counters.Rx+st.RxHeard)
			}
		}
		return list
	}
	before := received()
	testnet.Eventually(t, 10*time.Second, "every session receives", func() bool {
		for i, n := range received() {
			if n < before[i]+5 {
				return false
			}
		}
		return true
	})
}

func (c *couple) waitUp(t testing.TB) {
	t.Helper()
	testnet.Eventually(t, 15*time.Second, "all sessions are up at the negotiated rate", func() bool {
		for side := range 2 {
			for _, st := range c.statuses(t, side) {
				if st.State != packet.Up || time.Duration(st.DetectionTime) > c.agreed && !c.echo {
					return false
				}
			}
		}
		return true
	})
}

func (c *couple) status(t *testing.T, side int) InterfaceStatus {
	t.Helper()
	list := c.s[side].Interfaces()
	if len(list) != 1 {
		t.Fatalf("%d interfaces are open", len(list))
	}
	return list[0]
}

// attachForeign attaches a program that is not ours, and returns what removes it.
func attachForeign(t *testing.T, ns *testnet.NS, ifname string) (remove func()) {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "somebody", Type: ebpf.XDP, License: "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
	})
	must(t, err)
	var l link.Link
	ifindex := ns.Ifindex(t, ifname)
	must(t, ns.Do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: ifindex})
		return err
	}))
	return sync.OnceFunc(func() { must(t, errors.Join(l.Close(), p.Close())) })
}

// detachOurs detaches the XDP program of an interface as `bpftool link detach` does.
func detachOurs(t *testing.T, ns *testnet.NS, ifname string) {
	t.Helper()
	var id ebpf.ProgramID
	must(t, ns.Do(func() error {
		l, err := netlink.LinkByName(ifname)
		if err == nil {
			id = ebpf.ProgramID(l.Attrs().Xdp.ProgId)
		}
		return err
	}))
	var it link.Iterator
	for it.Next() {
		info, err := it.Link.Info()
		must(t, err)
		if info.Type == link.XDPType && info.Program == id {
			must(t, errors.Join(it.Link.Detach(), it.Link.Close()))
			it.Link = nil
			return
		}
	}
	t.Fatalf("no XDP link on %s: %v", ifname, it.Err())
}

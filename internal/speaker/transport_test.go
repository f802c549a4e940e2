package speaker

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
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

	downs [2][]uint64 // what each session had counted when held was last asked
	flaps []string    // what held has found
}

// newCouple brings count sessions up; change may alter their parameters.
func newCouple(t *testing.T, count int, o Options, queues netns.VethOptions, change func(*session.Params)) *couple {
	t.Helper()
	c := &couple{ns: [2]*testnet.NS{testnet.NewNS(t, "a"), testnet.NewNS(t, "b")}, name: [2]string{"x", "bx"}}
	testnet.Veth(t, c.ns[0], "x", c.ns[1], "bx", queues)
	var addrs [2][]netip.Addr
	for n := range count {
		for side := range 2 {
			a := netip.AddrFrom4([4]byte{198, byte(18 + side), byte(n >> 7), byte(n&127 + 1)})
			addrs[side] = append(addrs[side], a)
			c.ns[side].AddAddr(t, c.name[side], a.String()+"/15")
		}
	}
	p := params(session.SingleHop)
	p.DesiredMinTx, p.RequiredMinRx = 50_000, 50_000
	if change != nil {
		change(&p)
	}
	for side := range 2 {
		c.s[side], _, _ = newSpeaker(t, c.ns[side], o)
		c.s[side].SetEchoSource(netlinkmon.EchoSource{Addresses: []netip.Addr{netip.MustParseAddr("10.10.10.2")}})
		for n := range count {
			d, err := c.s[side].Add(netlinkmon.Target{Peer: addrs[1-side][n], Local: addrs[side][n]}, engine.Spec{Params: p})
			must(t, err)
			c.ids[side], c.downs[side] = append(c.ids[side], d), append(c.downs[side], 0)
		}
	}
	c.waitUp(t)
	return c
}

func (c *couple) statuses(t *testing.T, side int) (list []engine.Status) {
	t.Helper()
	list = make([]engine.Status, len(c.ids[side]))
	must(t, c.s[side].Engine().StatusesOf(t.Context(), c.ids[side], list))
	return list
}

// held notes which sessions have been down since it was last asked.
func (c *couple) held(t *testing.T, what string) {
	t.Helper()
	for side := range 2 {
		failed := 0
		for i, st := range c.statuses(t, side) {
			if st.State != packet.Up || st.Counters.Down != c.downs[side][i] {
				failed++
				c.downs[side][i] = st.Counters.Down
			}
		}
		if failed == 0 {
			continue
		}
		longest := int64(0)
		totals, err := c.s[side].Engine().WorkerTotals(t.Context())
		must(t, err)
		for _, w := range totals {
			longest = max(longest, int64(w.MaxStall))
		}
		c.flaps = append(c.flaps, fmt.Sprintf("%s: %d of %d sessions of %s flapped (longest stall of a worker so far %v)",
			what, failed, len(c.ids[side]), c.name[side], time.Duration(longest)))
	}
}

// withoutFlaps runs a scenario that asks held, and again when sessions have
// flapped: the machine may stand still for longer than their Detection Time, but
// not each time.
func (c *couple) withoutFlaps(t *testing.T, scenario func()) {
	t.Helper()
	for range 3 {
		c.flaps = nil
		if scenario(); len(c.flaps) == 0 {
			return
		}
		t.Log(strings.Join(c.flaps, "\n"))
		c.waitUp(t)
		c.held(t, "")
	}
	t.Error("sessions flapped each time")
}

func (c *couple) waitUp(t *testing.T) {
	t.Helper()
	testnet.Eventually(t, 15*time.Second, "all sessions are up at the negotiated rate", func() bool {
		for side := range 2 {
			for _, st := range c.statuses(t, side) {
				if st.State != packet.Up || st.DetectionTime > int64(150*time.Millisecond) && st.Params.EchoTx == 0 {
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

// walk is every change from one transport to another.
var walk = []struct{ asked, is string }{
	{"xdp-generic", "xdp-generic"}, {"udp", "udp"}, {"xdp", "xdp-native"},
	{"udp", "udp"}, {"xdp-generic", "xdp-generic"}, {"auto", "xdp-native"}, {"auto", "xdp-native"},
}

// The transport changes under 100 sessions from each to each other, at one end and
// then at the other: none fails, and packets travel as they are to.
func TestSwitchTransport(t *testing.T) {
	testnet.NoLeaks(t)
	c := newCouple(t, 100, Options{DeadMan: time.Second}, netns.VethOptions{}, nil)
	c.withoutFlaps(t, func() { c.walk(t) })
}

func (c *couple) walk(t *testing.T) {
	t.Helper()
	for n, step := range walk {
		switches := c.status(t, 0).Switches + 1
		began, before := time.Now(), [2]uint64{c.taken(t, 0), c.taken(t, 1)}
		for side := range 2 {
			must(t, c.s[side].Switch(t.Context(), c.name[side], step.asked, "a test"))
			if took := time.Since(began); testing.Verbose() {
				t.Logf("%s to %s: %v", c.name[side], step.asked, took)
			}
		}
		time.Sleep(300 * time.Millisecond) // twice the Detection Time
		c.held(t, fmt.Sprintf("step %d to %s", n, step.asked))
		for side := range 2 {
			st := c.status(t, side)
			if st.Transport != step.is || st.Asked != step.asked || st.Cause != "a test" || st.Switches != switches || st.Trouble != "" || st.Since.Before(began) {
				t.Errorf("after %s: %+v", step.asked, st)
			}
			// What is taken while the step begins is of the transport before.
			if took := c.taken(t, side) - before[side]; (took > 200) != (step.is != "udp") {
				t.Errorf("by %s XDP has taken %d frames", step.is, took)
			}
		}
	}
}

// taken counts the frames that XDP has taken on one side.
func (c *couple) taken(t *testing.T, side int) uint64 {
	t.Helper()
	count := c.status(t, side).Counters
	return count["heard"] + count["steered"] + count["insured"]
}

// Sessions that echo stop and begin again, or go on.
func TestSwitchTransportWithEcho(t *testing.T) {
	t.Parallel()
	c := newCouple(t, 10, Options{}, netns.VethOptions{}, func(p *session.Params) { p.EchoTx, p.EchoRx = 50_000, 50_000 })
	c.withoutFlaps(t, func() {
		for n, step := range walk {
			for side := range 2 {
				if step.is != "udp" {
					must(t, c.s[side].Switch(t.Context(), c.name[side], step.asked, "a test"))
				}
			}
			c.echoes(t, engine.EchoActive)
			c.held(t, fmt.Sprintf("step %d to %s", n, step.asked))
			if step.is == "udp" {
				must(t, c.s[0].Switch(t.Context(), c.name[0], "udp", "a test"))
				c.echoes(t, engine.EchoNoPath)
				c.held(t, fmt.Sprintf("step %d to udp", n))
			}
		}
	})
}

// echoes waits until the first side's sessions are so far.
func (c *couple) echoes(t *testing.T, state engine.EchoState) {
	t.Helper()
	testnet.Eventually(t, 10*time.Second, "echo is "+state.String(), func() bool {
		for _, st := range c.statuses(t, 0) {
			if st.Echo.State != state {
				return false
			}
		}
		return true
	})
}

// What cannot be had leaves things as they were, and says why. AF_XDP that was
// given up for another program is taken up again when that is gone.
func TestSwitchRefused(t *testing.T) {
	t.Parallel()
	c := newCouple(t, 4, Options{}, netns.VethOptions{}, nil)
	if err := c.s[0].Switch(t.Context(), "nosuch0", "udp", ""); !errors.Is(err, ErrNoInterface) {
		t.Errorf("unknown interface: %v", err)
	}
	if err := c.s[0].Switch(t.Context(), "x", "dpdk", ""); err == nil || !strings.Contains(err.Error(), "not one of") {
		t.Errorf("unknown transport: %v", err)
	}
	must(t, c.s[0].Switch(t.Context(), "x", "udp", "a test"))
	switches := c.status(t, 0).Switches
	c.withoutFlaps(t, func() {
		remove := attachForeign(t, c.ns[0], "x")
		for _, asked := range []string{"xdp", "xdp-generic"} {
			err := c.s[0].Switch(t.Context(), "x", asked, "a test")
			if !errors.Is(err, wire.ErrNoXDP) || !strings.Contains(err.Error(), "somebody") {
				t.Errorf("%s over another program: %v", asked, err)
			}
		}
		if st := c.status(t, 0); st.Transport != "udp" || st.Asked != "udp" || st.Switches != switches || st.Trouble != "" {
			t.Errorf("after refusals: %+v", st)
		}
		c.held(t, "refusals")
		must(t, c.s[0].Switch(t.Context(), "x", "auto", "a test"))
		if st := c.status(t, 0); st.Transport != "udp" || !strings.Contains(st.Reason, "somebody") {
			t.Errorf("auto over another program: %+v", st)
		}
		remove()
		testnet.Eventually(t, 5*time.Second, "AF_XDP is taken up", func() bool {
			st := c.status(t, 0)
			return st.Transport == "xdp-native" && strings.Contains(st.Cause, "gone")
		})
		c.held(t, "auto")
		must(t, c.s[0].Switch(t.Context(), "x", "udp", "a test"))
		switches = c.status(t, 0).Switches
		c.held(t, "back")
	})
}

// Somebody detaches our program: it comes back by itself. With another in its
// place the sockets serve until that is gone, whatever was asked for.
func TestProgramDetached(t *testing.T) {
	for _, asked := range []string{"auto", "xdp"} {
		t.Run(asked, func(t *testing.T) {
			t.Parallel()
			c := newCouple(t, 20, Options{Transport: func(string) string { return asked }}, netns.VethOptions{}, nil)
			c.withoutFlaps(t, func() {
				before := c.status(t, 0).Switches
				detachOurs(t, c.ns[0], "x")
				testnet.Eventually(t, 5*time.Second, "the program is back", func() bool { return c.status(t, 0).Switches == before+1 })
				if st := c.status(t, 0); st.Transport != "xdp-native" || !strings.Contains(st.Cause, "detached") {
					t.Errorf("%+v", st)
				}
				c.held(t, "program detached")
				detachOurs(t, c.ns[0], "x")
				remove := attachForeign(t, c.ns[0], "x")
				testnet.Eventually(t, 5*time.Second, "the sockets serve", func() bool { return c.status(t, 0).Switches == before+2 })
				if st := c.status(t, 0); strings.Contains(st.Trouble, "somebody") != (asked == "xdp") || st.Transport != "udp" {
					t.Errorf("%+v", st)
				}
				c.held(t, "program replaced")
				remove()
				testnet.Eventually(t, 10*time.Second, "AF_XDP is back", func() bool { return c.status(t, 0).Switches == before+3 })
				if st := c.status(t, 0); st.Trouble != "" || st.Transport != "xdp-native" {
					t.Errorf("%+v", st)
				}
				c.held(t, "all")
			})
		})
	}
}

// queues sets how many receive queues both ends use, and then transmit queues, or
// the other way round: with XDP no end of a veth may send by more queues than the
// other one receives by.
func (c *couple) queues(t *testing.T, from, to int) {
	t.Helper()
	first, then := [2]int{to, from}, [2]int{to, to}
	if to < from {
		first = [2]int{from, to}
	}
	for _, n := range [][2]int{first, then} {
		for side := range 2 {
			// The kernel gives queues back a while after their sockets are closed.
			testnet.Eventually(t, time.Second, fmt.Sprintf("%d and %d queues", n[0], n[1]), func() bool {
				return c.ns[side].SetQueues(c.name[side], n[0], n[1]) == nil
			})
		}
	}
}

// The kernel takes no queue away that an AF_XDP socket has, so the sockets serve
// meanwhile. Queues that come get their rings by themselves; until then what arrives
// on them comes by the sockets.
func TestQueuesChange(t *testing.T) {
	t.Parallel()
	c := newCouple(t, 50, Options{Workers: 2}, netns.VethOptions{Queues: 4}, nil)
	c.withoutFlaps(t, func() {
		for side := range 2 {
			if st := c.status(t, side); st.Rings != 4 {
				t.Fatalf("%d rings on four queues: %+v", st.Rings, st)
			}
			must(t, c.s[side].Switch(t.Context(), c.name[side], "udp", "fewer queues"))
		}
		c.queues(t, 4, 1)
		for side := range 2 {
			must(t, c.s[side].Switch(t.Context(), c.name[side], "xdp", "fewer queues"))
		}
		c.held(t, "four queues to one")
		for _, n := range [][2]int{{1, 2}, {2, 4}} {
			c.queues(t, n[0], n[1])
			for side := range 2 {
				testnet.Eventually(t, 5*time.Second, "a ring for each queue", func() bool {
					st := c.status(t, side)
					return st.Rings == n[1] && st.Transport == "xdp-native" && strings.Contains(st.Cause, fmt.Sprintf("%d receive queues now", n[1]))
				})
			}
			c.held(t, fmt.Sprintf("%d queues", n[1]))
		}
	})
	passed := uint64(0)
	for side := range 2 {
		passed += c.status(t, side).Counters["pass_no_socket"]
	}
	if passed == 0 {
		t.Error("no frame arrived on a queue before it had its ring: this test proves nothing")
	}
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

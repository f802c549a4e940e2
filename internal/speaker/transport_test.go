package speaker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

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
	c.walk(t)
}

func (c *couple) walk(t *testing.T) {
	t.Helper()
	for n, step := range walk {
		switches := c.status(t, 0).Switches + 1
		began := time.Now()
		for side := range 2 {
			must(t, c.s[side].Switch(t.Context(), c.name[side], step.asked, "a test"))
			if took := time.Since(began); testing.Verbose() {
				t.Logf("%s to %s: %v", c.name[side], step.asked, took)
			}
		}
		before := [2]uint64{c.taken(t, 0), c.taken(t, 1)}
		c.held(t, fmt.Sprintf("step %d to %s", n, step.asked))
		for side := range 2 {
			st := c.status(t, side)
			if st.Transport != step.is || st.Asked != step.asked || st.Cause != "a test" || st.Switches != switches || st.Trouble != "" || st.Since.Before(began) {
				t.Errorf("after %s: %+v", step.asked, st)
			}
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
	testnet.Eventually(t, 10*time.Second, "AF_XDP is taken up", func() bool {
		st := c.status(t, 0)
		return st.Transport == "xdp-native" && strings.Contains(st.Cause, "gone")
	})
	c.held(t, "auto")
	must(t, c.s[0].Switch(t.Context(), "x", "udp", "a test"))
	c.held(t, "back")
}

// A kernel that is slow to open what is to be does not leave a switch half done.
func TestSwitchSlowly(t *testing.T) {
	t.Parallel()
	c := newCouple(t, 4, Options{}, netns.VethOptions{}, nil)
	slow := func(by time.Duration) {
		must(t, c.s[0].onPathLoop(t.Context(), func() error {
			c.s[0].o.In = func(f func() error) error {
				time.Sleep(by)
				return c.ns[0].Do(f)
			}
			return nil
		}))
	}
	slow(switchTime / 2) // and more than that for all together
	must(t, c.s[0].Switch(t.Context(), "x", "xdp-generic", "a test"))
	slow(0)
	if st := c.status(t, 0); st.Transport != "xdp-generic" || st.Switches != 1 || st.Trouble != "" {
		t.Errorf("%+v", st)
	}
	c.held(t, "a slow switch")
}

// Somebody detaches our program: it comes back by itself. With another in its
// place the sockets serve until that is gone, whatever was asked for.
func TestProgramDetached(t *testing.T) {
	for _, asked := range []string{"auto", "xdp"} {
		t.Run(asked, func(t *testing.T) {
			t.Parallel()
			c := newCouple(t, 20, Options{Transport: func(string) string { return asked }}, netns.VethOptions{}, nil)
			before := c.status(t, 0).Switches
			detachOurs(t, c.ns[0], "x")
			testnet.Eventually(t, 10*time.Second, "the program is back", func() bool { return c.status(t, 0).Switches == before+1 })
			if st := c.status(t, 0); st.Transport != "xdp-native" || !strings.Contains(st.Cause, "detached") {
				t.Errorf("%+v", st)
			}
			c.held(t, "program detached")
			detachOurs(t, c.ns[0], "x")
			remove := attachForeign(t, c.ns[0], "x")
			testnet.Eventually(t, 10*time.Second, "the sockets serve", func() bool { return c.status(t, 0).Switches == before+2 })
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
			testnet.Eventually(t, 10*time.Second, "a ring for each queue", func() bool {
				st := c.status(t, side)
				return st.Rings == n[1] && st.Transport == "xdp-native" && strings.Contains(st.Cause, fmt.Sprintf("%d receive queues now", n[1]))
			})
		}
		c.held(t, fmt.Sprintf("%d queues", n[1]))
	}
	passed := uint64(0)
	for side := range 2 {
		passed += c.status(t, side).Counters["pass_no_socket"]
	}
	if passed == 0 {
		t.Error("no frame arrived on a queue before it had its ring: this test proves nothing")
	}
}

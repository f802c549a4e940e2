package netlinkmon

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// patience is how long a test waits for the kernel.
const patience = 20 * time.Second

// follower watches targets in a namespace and keeps the latest path of each.
type follower struct {
	*Monitor
	t     *testing.T
	paths map[uint32]Path
	got   []Update
}

func follow(t *testing.T, n *testnet.NS) *follower {
	t.Helper()
	f := &follower{t: t, paths: make(map[uint32]Path)}
	err := n.Do(func() (err error) {
		f.Monitor, err = New(Options{Logger: slog.New(slog.NewTextHandler(logTo{t}, nil))})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

type logTo struct{ t *testing.T }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// await reads updates until the path of id is as wanted.
func (f *follower) await(id uint32, what string, cond func(Path) bool) Path {
	f.t.Helper()
	deadline := time.After(patience)
	for {
		if p, ok := f.paths[id]; ok && cond(p) {
			return p
		}
		select {
		case u := <-f.Updates():
			f.paths[u.ID] = *u.Path
			f.got = append(f.got, u)
		case <-deadline:
			f.t.Fatalf("no %s within %v; last path of %d: %+v", what, patience, id, f.paths[id])
		}
	}
}

// reason awaits a path that is not ready for the reason given.
func (f *follower) reason(id uint32, text string) Path {
	f.t.Helper()
	return f.await(id, "reason "+text, func(p Path) bool { return !p.Ready && p.Reason == text })
}

func (f *follower) ready(id uint32) Path {
	f.t.Helper()
	return f.await(id, "ready path", func(p Path) bool { return p.Ready })
}

func (f *follower) known(id uint32, mac net.HardwareAddr) Path {
	f.t.Helper()
	return f.await(id, "path to "+mac.String(), func(p Path) bool {
		return p.Ready && p.MACKnown && p.PeerMAC == packet.MAC(mac)
	})
}

// quiet fails the test when any update comes within the time, which the events
// of the test have long had to arrive in.
func (f *follower) quiet(d time.Duration) {
	f.t.Helper()
	select {
	case u := <-f.Updates():
		f.t.Errorf("update out of place: %+v", u)
	case <-time.After(d):
	}
}

// pair makes two namespaces joined by a veth pair: x with 192.0.2.1 and
// 2001:db8::1, y with 192.0.2.2 and 2001:db8::2.
func pair(t *testing.T) (a, b *testnet.NS) {
	t.Helper()
	testnet.NoLeaks(t)
	a, b = testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	connect(t, a, b)
	return a, b
}

func connect(t *testing.T, a, b *testnet.NS) {
	t.Helper()
	testnet.Veth(t, a, "x", b, "y")
	a.AddAddr(t, "x", "192.0.2.1/24")
	a.AddAddr(t, "x", "2001:db8::1/64")
	b.AddAddr(t, "y", "192.0.2.2/24")
	b.AddAddr(t, "y", "2001:db8::2/64")
}

// entry returns the neighbour entry of an address on x, or nil.
func entry(t *testing.T, n *testnet.NS, addr string) *netlink.Neigh {
	t.Helper()
	for _, e := range n.Neighs(t, "x") {
		if e.IP.String() == addr {
			return &e
		}
	}
	return nil
}

func managed(e *netlink.Neigh) bool { return e != nil && e.FlagsExt&netlink.NTF_EXT_MANAGED != 0 }

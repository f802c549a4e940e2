package testnet

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/netns"
)

// stub records what a helper did to a test.
type stub struct {
	testing.TB
	skipped, failed bool
}

func (s *stub) Helper()           {}
func (s *stub) Skip(args ...any)  { s.skipped = true }
func (s *stub) Fatal(args ...any) { s.failed = true }

func TestRequire(t *testing.T) {
	for _, c := range []struct {
		name            string
		ok              bool
		must            string
		skipped, failed bool
	}{
		{"there", true, "", false, false},
		{"there and must run", true, "1", false, false},
		{"missing", false, "", true, false},
		{"missing and must run", false, "1", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("XBFD_MUST_RUN", c.must)
			s := &stub{}
			// A real Fatal ends the goroutine, so a failed test is never skipped too.
			Require(s, c.ok, "reason")
			if s.failed != c.failed || (!s.failed && s.skipped != c.skipped) {
				t.Errorf("skipped %v failed %v", s.skipped, s.failed)
			}
		})
	}
}

func TestLeaked(t *testing.T) {
	before := map[string]string{"0": "/dev/null", "5": "socket:[1]", "6": "net:[7]"}
	for _, c := range []struct {
		name string
		now  map[string]string
		want []string
	}{
		{"same", before, nil},
		{"another of the kind in its place", map[string]string{"0": "/dev/null", "5": "socket:[2]"}, nil},
		{"moved", map[string]string{"0": "/dev/null", "9": "socket:[2]"}, nil},
		{"one more socket", map[string]string{"5": "socket:[1]", "8": "socket:[2]"}, []string{"descriptor 8 = socket:[2]"}},
		{"one more file", map[string]string{"0": "/dev/null", "3": "/tmp/x"}, []string{"descriptor 3 = /tmp/x"}},
		{"a socket in place of a namespace", map[string]string{"5": "socket:[1]", "6": "socket:[3]"}, []string{"descriptor 6 = socket:[3]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, leaked(before, c.now)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNamespacesLeaveNothing(t *testing.T) {
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("network", func(t *testing.T) {
		NoLeaks(t)
		a, b := NewNS(t, "a"), NewNS(t, "b")
		Veth(t, a, "x", b, "y", netns.VethOptions{Queues: 2})
		a.AddAddr(t, "x", "192.0.2.1/24")
		b.AddAddr(t, "y", "192.0.2.2/24")
		a.Neigh(t, "x", "192.0.2.2", b.MAC(t, "y"))
		known := slices.ContainsFunc(a.Neighs(t, "x"), func(n netlink.Neigh) bool {
			return n.IP.String() == "192.0.2.2" && n.HardwareAddr.String() == b.MAC(t, "y").String()
		})
		if !known {
			t.Errorf("neighbour is not there: %v", a.Neighs(t, "x"))
		}
		if a.Ifindex(t, "x") == 0 || !a.Link(t, "x").Carrier {
			t.Errorf("interface is not up: %+v", a.Link(t, "x"))
		}
	})
	if now, _ := os.Readlink("/proc/self/ns/net"); now != home {
		t.Errorf("process moved from %s to %s", home, now)
	}
}

// A failure inside of Do must end the test, not hang it or go unseen.
func TestDoPassesOn(t *testing.T) {
	NoLeaks(t)
	n := NewNS(t, "n")
	want := errors.New("mine")
	if err := n.Do(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("want fn's error, have %v", err)
	}
	returned := false
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.Do(func() error {
			runtime.Goexit() // as testing.T's FailNow does
			return nil
		})
		returned = true
	}()
	<-ended
	if returned {
		t.Error("Do returned although fn ended its goroutine")
	}
}

func TestEventually(t *testing.T) {
	n := 0
	if d := Eventually(t, time.Second, "third try", func() bool { n++; return n == 3 }); d <= 0 {
		t.Errorf("took %v", d)
	}
}

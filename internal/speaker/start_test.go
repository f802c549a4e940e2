package speaker

import (
	"context"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
)

// New fails when a worker cannot be as it is asked for, and leaves nothing behind.
func TestNewRefused(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	for want, o := range map[string]Options{
		"core 1023":       {Workers: 2, CPUs: []int{-1, 1023}},
		"priority 100":    {Priority: 100},
		"no core 1000000": {CPUs: []int{1_000_000}},
		"17 workers":      {Workers: 17},
	} {
		s, err := New(o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want …%s…", o, err, want)
		}
	}
}

// A path that changes while a Speaker closes opens nothing: nobody would close it.
func TestNothingOpenedWhileClosing(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	a.AddAddr(t, "va", "192.0.2.1/24")
	s, err := New(Options{In: a.Do})
	must(t, err)
	local := netip.MustParseAddr("192.0.2.1")
	one, err := s.Add(netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.2"), Local: local, Interface: "va"}, engine.Spec{Params: params(session.SingleHop)})
	must(t, err)
	far, err := s.Add(netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.3"), Local: local, Multihop: true},
		engine.Spec{Params: params(session.Multihop), MinTTL: 250})
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must(t, s.Settle(ctx, []uint32{one, far}))
	must(t, s.onPathLoop(ctx, func() error {
		before := len(s.ifaces)
		err := s.closeInterfaces(ctx)
		for d, e := range s.sessions {
			s.install(ctx, d, e)
		}
		if before != 1 || len(s.ifaces) != 0 || len(s.far) != 0 {
			t.Errorf("%d interfaces before, %d after, %v", before, len(s.ifaces), s.far)
		}
		return err
	}))
	must(t, s.Close())
}

// Once New has returned all workers have their priority, so that the privilege to
// set it may go.
func TestNewPriority(t *testing.T) {
	ns := testnet.NewNS(t, "a")
	const priority = 3
	s, err := New(Options{Workers: 2, Priority: priority, In: ns.Do})
	if err != nil && strings.Contains(err.Error(), unix.EPERM.Error()) {
		testnet.Require(t, false, err.Error())
	}
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	tasks, err := os.ReadDir("/proc/self/task")
	must(t, err)
	found := 0
	for _, task := range tasks {
		thread, err := strconv.Atoi(task.Name())
		must(t, err)
		if attr, err := unix.SchedGetAttr(thread, 0); err == nil && attr.Policy == unix.SCHED_FIFO && attr.Priority == priority {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 workers have their priority", found)
	}
}

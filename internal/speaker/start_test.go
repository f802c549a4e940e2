package speaker

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
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

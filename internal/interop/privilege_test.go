package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDropsPrivileges looks at every thread of a running xbfd: what root has and
// a BFD daemon has no use for is gone, and does not come back. Real-time workers
// have their priority from before, and need no more than the others.
func TestDropsPrivileges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, workers string
		fifo          int
	}{
		{"normal", "", 0},
		{"fifo", "workers: {count: 2, scheduling: fifo, priority: 41}\n", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			d := start(t, a, tt.workers+oneSession(b, patience, ""))
			checkThreads(t, d, tt.fifo)
		})
	}
}

// checkThreads wants every thread to have the four capabilities and no other, and
// so many of them priority 41.
func checkThreads(t *testing.T, d *daemon, fifo int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.cmd.Process.Pid))
	must(t, err)
	if len(tasks) < 2 {
		t.Fatalf("found threads %v", tasks)
	}
	const keeps = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_IPC_LOCK | 1<<unix.CAP_BPF
	for _, task := range tasks {
		if thread, err := strconv.Atoi(filepath.Base(filepath.Dir(task))); err == nil {
			if attr, err := unix.SchedGetAttr(thread, 0); err == nil && attr.Policy == unix.SCHED_FIFO && attr.Priority == 41 {
				fifo--
			}
		}
		text, err := os.ReadFile(task)
		if os.IsNotExist(err) {
			continue // it has ended
		}
		must(t, err)
		looked := 0
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			switch name {
			case "CapEff", "CapPrm", "CapInh", "CapAmb":
				looked++
				mask, err := strconv.ParseUint(value, 16, 64)
				must(t, err)
				if extra := mask &^ keeps; extra != 0 || name == "CapEff" && mask == 0 {
					t.Errorf("%s: %s is %#x", task, name, mask)
				}
			case "NoNewPrivs":
				looked++
				if value != "1" {
					t.Errorf("%s: may gain privileges", task)
				}
			}
		}
		if looked != 5 {
			t.Errorf("%s: found %d of the lines", task, looked)
		}
	}
	if fifo != 0 {
		t.Errorf("real-time threads: %d fewer than workers", fifo)
	}
}

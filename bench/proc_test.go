package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSchedstat(t *testing.T) {
	if n, err := parseSchedstat("123456789 42 7\n"); n != 123456789 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, text := range []string{"", "1 2", "x 2 3"} {
		if _, err := parseSchedstat(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestField(t *testing.T) {
	text := []byte("Name:\txbfd\nvoluntary_ctxt_switches:\t17\nRss:   2048 kB\n")
	for name, want := range map[string]uint64{"voluntary_ctxt_switches": 17, "Rss": 2048} {
		if n, err := field(text, name); n != want || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	for _, name := range []string{"Name", "ctxt_switches", "Pss"} {
		if n, err := field(text, name); err == nil {
			t.Errorf("%s: %d", name, n)
		}
	}
}

// A map that has two descriptors is counted once, and other descriptors are not.
func TestMapMemory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"3": "pos:\t0\nmap_type:\t1\nmemlock:\t4096\nmap_id:\t9\n",
		"4": "pos:\t0\nmap_type:\t1\nmemlock:\t4096\nmap_id:\t9\n",
		"5": "pos:\t0\nmap_type:\t2\nmemlock:\t100\nmap_id:\t10\n",
		"6": "pos:\t0\nprog_type:\t6\nmemlock:\t8192\nprog_id:\t3\n",
		"7": "pos:\t0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := mapMemory(dir); n != 4196 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestParseHostLoad(t *testing.T) {
	l, err := parseHostLoad("cpu  100 20 30 4000 5 6 7 8 0 0\ncpu0 1 2 3\n")
	if diff := cmp.Diff(hostLoad{busy: 143, stolen: 8}, l, cmp.AllowUnexported(hostLoad{})); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 7 x 9"} {
		if _, err := parseHostLoad(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// This process is one that can be looked at.
func TestUsage(t *testing.T) {
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; {
	}
	after, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.cpu <= before.cpu || after.threads < 1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	rss, _, err := memoryOf(os.Getpid())
	if err != nil || rss < 1<<20 {
		t.Errorf("resident %d bytes, %v", rss, err)
	}
}

// What of a mapped BPF map is resident is the map's.
func TestResident(t *testing.T) {
	const smaps = "7f9c26c9e000-7f9c26ffe000 rw-s 00000000 00:10 1039                       anon_inode:bpf-map\n" +
		"Size:               3456 kB\nRss:                3456 kB\nVmFlags: rd wr sh mr mw me ms dd\n" +
		"7f9c24200000-7f9c24c00000 rw-p 00000000 00:00 0 \n" +
		"Size:              10240 kB\nRss:               10 kB\nPss:                7 kB\n" +
		"00400000-00afe000 r-xp 00000000 fe:00 1187                               /usr/bin/xbfd\nRss:                6 kB\n"
	if n, err := resident([]byte(smaps)); n != 16<<10 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// The cost is that of the engine under test: its threads, the interrupts beside
// them, and what the load peer's sends took beyond their price.
func TestCost(t *testing.T) {
	start := time.Now()
	before := moment{at: start, dut: usage{cpu: 1e9, waits: 10}, ksoftirq: 5, seen: reply{Rx: 100, Tx: 50}}
	after := moment{
		at: start.Add(2 * time.Second), dut: usage{cpu: 1.4e9, waits: 30}, ksoftirq: 5 + 2e8, peer: 3e8,
		host: hostLoad{busy: 150},
		seen: reply{Rx: 1100, Tx: 2050, Sends: sends{Calls: 100, Frames: 2000, Spent: 5e8}},
	}
	found := [2]soaked{{Wall: 1e9, Ran: 3e8, Lost: 1e8}, {Ran: 1e8}}
	c := costOf(before, after, found, price{Call: 1e6, Frame: 1e5})
	want := cost{
		wall: 2 * time.Second, threads: 0.2, softirq: 0.2, reception: 0.1, peer: 0.05, others: 0.2,
		waits: 20, sent: 1000, received: 2000,
	}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(cost{}), near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := c.cores(); got < 0.4999 || got > 0.5001 {
		t.Errorf("%v cores", got)
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string][2]int{
		"17 (sh) S 4 17 17 0":   {17, 4},
		"18 (a b) (c) R 17 1 1": {18, 17},
		"19 (sh) Z 17 1 1":      {},
		"":                      {},
		"20 (sh)":               {},
		"20 (sh) S":             {},
	} {
		pid, parent, alive := parseStat(text)
		if alive != (want != [2]int{}) || alive && [2]int{pid, parent} != want {
			t.Errorf("%q: %d, %d, %v", text, pid, parent, alive)
		}
	}
}

// Whatever a process has started goes, also what its children have.
func TestKillDescendants(t *testing.T) {
	c := exec.Command("/bin/sh", "-c", "sleep 100 & (sleep 100; true) & wait")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		list, err := descendants(c.Process.Pid)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%v: %v", list, err)
		}
		if len(list) == 3 {
			break
		}
	}
	if err := killDescendants(c.Process.Pid); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	if list, err := descendants(c.Process.Pid); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}

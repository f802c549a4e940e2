package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what the kernel tells of a process, by all of its threads. Those that
// have ended are not in it: an engine's packet threads stay.
type usage struct {
	cpu     int64  // ns; an interrupt counts for the thread that it interrupted
	waits   uint64 // voluntary context switches: returns from a wait
	threads int
}

func usageOf(pid int) (u usage, err error) {
	err = eachThread(pid, func(tid int) error {
		dir := fmt.Sprintf("/proc/%d/task/%d/", pid, tid)
		text, err := os.ReadFile(dir + "schedstat")
		if err != nil {
			return err
		}
		cpu, err := parseSchedstat(string(text))
		if err != nil {
			return err
		}
		if text, err = os.ReadFile(dir + "status"); err != nil {
			return err
		}
		waits, err := field(text, "voluntary_ctxt_switches")
		u.cpu, u.waits, u.threads = u.cpu+cpu, u.waits+waits, u.threads+1
		return err
	})
	return u, err
}

// parseSchedstat returns the first of the three numbers of a schedstat file: the
// time on a processor in nanoseconds.
func parseSchedstat(text string) (int64, error) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return 0, fmt.Errorf("parse schedstat %q: not three numbers", text)
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse schedstat %q: %w", text, err)
	}
	return n, nil
}

// field returns the number of the line "name: number …".
func field(text []byte, name string) (uint64, error) {
	for line := range bytes.Lines(text) {
		key, rest, ok := bytes.Cut(line, []byte(":"))
		f := bytes.Fields(rest)
		if !ok || string(key) != name || len(f) == 0 {
			continue
		}
		n, err := strconv.ParseUint(string(f[0]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse %s: %w", name, err)
		}
		return n, nil
	}
	return 0, fmt.Errorf("find %s: no such line", name)
}

// memoryOf returns the resident memory of a process and that of its BPF maps, in
// bytes. Maps that the process has mapped are counted with the maps alone.
func memoryOf(pid int) (rss, maps uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return 0, 0, err
	}
	if rss, err = resident(text); err != nil {
		return 0, 0, err
	}
	maps, err = mapMemory(fmt.Sprintf("/proc/%d/fdinfo", pid))
	return rss, maps, err
}

// resident adds up what of a process's mappings is in memory, in bytes, but for
// mapped BPF maps.
func resident(smaps []byte) (bytesUsed uint64, err error) {
	skip := false
	for line := range bytes.Lines(smaps) {
		key, _, _ := bytes.Cut(line, []byte(" "))
		switch {
		case len(key) > 0 && key[len(key)-1] != ':': // a mapping: its range, and what it is of
			skip = bytes.HasSuffix(bytes.TrimSpace(line), []byte(" anon_inode:bpf-map"))
		case !skip && string(key) == "Rss:":
			kb, err := field(line, "Rss")
			if err != nil {
				return 0, err
			}
			bytesUsed += kb << 10
		}
	}
	return bytesUsed, nil
}

// mapMemory adds up the BPF maps that the descriptors in an fdinfo directory
// hold, each once.
func mapMemory(dir string) (sum uint64, err error) {
	files, err := filepath.Glob(dir + "/*")
	if err != nil {
		return 0, err
	}
	seen := make(map[uint64]bool)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // closed meanwhile
		}
		if err != nil {
			return 0, err
		}
		id, err := field(text, "map_id")
		if err != nil || seen[id] {
			continue // no map, or one that was counted
		}
		seen[id] = true
		bytes, err := field(text, "memlock")
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += bytes
	}
	return sum, nil
}

// softirqThread returns the kernel's thread for softirqs of a core, 0 if it has
// none.
func softirqThread(cpu int) (pid int, err error) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	want := fmt.Sprintf("ksoftirqd/%d", cpu)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(text)) != want {
			continue
		}
		return strconv.Atoi(filepath.Base(filepath.Dir(name)))
	}
	return 0, nil
}

// hostLoad is the processor time of the whole host in ticks of 10 ms: busy, not
// counting what ran at low priority, and stolen by the hypervisor.
type hostLoad struct{ busy, stolen uint64 }

func readHostLoad() (hostLoad, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return hostLoad{}, err
	}
	return parseHostLoad(string(text))
}

func parseHostLoad(text string) (l hostLoad, err error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return l, fmt.Errorf("parse /proc/stat: unexpected line %q", line)
	}
	var n [8]uint64 // user nice system idle iowait irq softirq steal
	for i := range n {
		if n[i], err = strconv.ParseUint(f[i+1], 10, 64); err != nil {
			return l, fmt.Errorf("parse /proc/stat: %w", err)
		}
	}
	return hostLoad{busy: n[0] + n[2] + n[5] + n[6], stolen: n[7]}, nil
}

package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// eachThread calls fn with every thread of a process. Threads that end
// meanwhile are no error.
func eachThread(pid int, fn func(tid int) error) error {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("list threads of process %d: %w", pid, err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if err := fn(tid); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func setAffinity(tid int, cpus ...int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(tid, &set); err != nil {
		return fmt.Errorf("pin thread %d to cores %v: %w", tid, cpus, err)
	}
	return nil
}

func cpusOf(set *unix.CPUSet) (cpus []int) {
	for cpu, left := 0, set.Count(); left > 0; cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
			left--
		}
	}
	return cpus
}

// setPolicy gives a thread a scheduling policy; tid 0 is the calling one.
// SCHED_FIFO takes a priority, the others 0.
func setPolicy(tid int, policy, priority uint32) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority}
	if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
		return fmt.Errorf("schedule thread %d: %w", tid, err)
	}
	return nil
}

// killDescendants ends the processes that a process has started, and those that
// they have, until there are none.
func killDescendants(pid int) error {
	for range 100 {
		children, err := descendants(pid)
		if err != nil || len(children) == 0 {
			return err
		}
		for _, child := range children {
			if err := unix.Kill(child, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("end process %d: %w", child, err)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("end what process %d has started: there are always more", pid)
}

// descendants lists the processes below a process that have not ended.
func descendants(pid int) (list []int, err error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := make(map[int]int)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if child, parent, alive := parseStat(string(text)); alive {
			parents[child] = parent
		}
	}
	for child := range parents {
		for p, ok := parents[child]; ok; p, ok = parents[p] {
			if p == pid {
				list = append(list, child)
				break
			}
		}
	}
	return list, nil
}

// parseStat reads "pid (name) state ppid …"; a name may hold anything. What has
// ended and was not waited for is not alive.
func parseStat(text string) (pid, parent int, alive bool) {
	before, _, ok := strings.Cut(text, " (")
	end := strings.LastIndex(text, ") ")
	if !ok || end < 0 {
		return 0, 0, false
	}
	f := strings.Fields(text[end+2:])
	if len(f) < 2 {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(before)
	parent, parentErr := strconv.Atoi(f[1])
	return pid, parent, err == nil && parentErr == nil && f[0] != "Z" && f[0] != "X"
}

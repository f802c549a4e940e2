package testnet

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// NoLeaks fails the test at its end when descriptors (sockets, namespaces, BPF
// objects, …) or goroutines are left that were not there when NoLeaks was
// called. Call it first, so that it looks last, and not in parallel tests.
func NoLeaks(t testing.TB) {
	t.Helper()
	warmPoller(t)
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		var leaks []string
		for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
			leaks = leaked(fds, descriptors(t))
			n := runtime.NumGoroutine()
			if n > goroutines {
				leaks = append(leaks, fmt.Sprintf("%d goroutines, of\n%s", n-goroutines, stacks()))
			}
			if len(leaks) == 0 || time.Now().After(deadline) {
				break
			}
		}
		for _, l := range leaks {
			t.Errorf("leaked: %s", l)
		}
	})
}

// leaked names the descriptors of every kind of which there are more now.
func leaked(before, now map[string]string) []string {
	more := make(map[string]int)
	for _, target := range now {
		more[kind(target)]++
	}
	for _, target := range before {
		more[kind(target)]--
	}
	var list []string
	for fd, target := range now {
		if more[kind(target)] > 0 && before[fd] != target {
			list = append(list, "descriptor "+fd+" = "+target)
		}
	}
	slices.Sort(list)
	return list
}

// kind is what stands before the number in targets such as "socket:[4711]".
func kind(target string) string {
	k, _, _ := strings.Cut(target, ":[")
	return k
}

func descriptors(t testing.TB) map[string]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	must(t, err)
	fds := make(map[string]string)
	for _, e := range entries {
		// The descriptor that reads the directory is gone by now: no link, no entry.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			fds[e.Name()] = target
		}
	}
	return fds
}

// warmPoller makes the runtime open the descriptors of its network poller,
// which it does once and keeps.
func warmPoller(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.Close())
	must(t, w.Close())
}

func stacks() string {
	buf := make([]byte, 1<<16)
	return string(buf[:runtime.Stack(buf, true)])
}

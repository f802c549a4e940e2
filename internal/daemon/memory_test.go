package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// BenchmarkMemoryOfSessions says which functions have made what a session has of
// the heap of a daemon; the sessions have a path, and a peer that says nothing:
//
//	go test -run xxx -bench MemoryOfSessions -benchtime 1x ./internal/daemon
func BenchmarkMemoryOfSessions(b *testing.B) {
	testnet.RequireRoot(b)
	const n = 1024 // so many more: tables that double are as full then as before
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	once, twice := heapOf(b, n), heapOf(b, 2*n)
	packages := make(map[string]float64)
	var sum float64
	for fn := range twice {
		twice[fn] = (twice[fn] - once[fn]) / n
		dir, _, _ := strings.Cut(fn[strings.LastIndexByte(fn, '/')+1:], ".")
		packages[dir] += twice[fn]
		sum += twice[fn]
	}
	var lines strings.Builder
	for _, fn := range slices.SortedFunc(maps.Keys(twice), func(x, y string) int { return cmp.Compare(twice[y], twice[x]) }) {
		if twice[fn] >= 1 {
			fmt.Fprintf(&lines, "\n%6.0f  %s", twice[fn], fn)
		}
	}
	fmt.Fprintln(os.Stderr, lines.String()) // all of it, which a log of a benchmark is not
	for p, bytes := range packages {
		if bytes >= 1 {
			b.ReportMetric(bytes, p+"-B/session")
		}
	}
	b.ReportMetric(sum, "B/session")
}

// heapOf returns the bytes in use by the function of this module that has made them.
func heapOf(t testing.TB, sessions int) map[string]float64 {
	const perSubnet = 200
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, left, "a", right, "b")
	mac := right.MAC(t, "b")
	var file strings.Builder
	file.WriteString("transport: xdp\nworkers: {capacity: 0}\nprofiles: {p: {transmit-interval: 50ms, receive-interval: 50ms}}\npeers:\n")
	for i := range sessions {
		if i%perSubnet == 0 {
			left.AddAddr(t, "a", fmt.Sprintf("10.9.%d.1/24", i/perSubnet))
		}
		peer := fmt.Sprintf("10.9.%d.%d", i/perSubnet, 2+i%perSubnet)
		left.Neigh(t, "a", peer, mac)
		fmt.Fprintf(&file, "  - {peer: %s, local-address: 10.9.%d.1, interface: a, profile: p}\n", peer, i/perSubnet)
	}
	d := run(t, left, file.String())
	defer d.end(t)
	testnet.Eventually(t, 20*time.Second, "every session has a path", func() bool {
		c, err := d.client.Status(t.Context())
		return err == nil && c.Interfaces != nil && c.Interfaces[0].Sessions == sessions
	})
	empty := ""
	d.file.Store(&empty) // that is the test's own
	return inUse()
}

// inUse is what the last two collections have left.
func inUse() map[string]float64 {
	runtime.GC()
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 50_000)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return nil
	}
	sum := make(map[string]float64)
	for _, r := range records[:n] {
		sum[maker(r.Stack())] += float64(r.InUseBytes())
	}
	return sum
}

func maker(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	last := "?"
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "github.com/xbfd/xbfd/") {
			return f.Function
		}
		if last = cmp.Or(f.Function, last); !more {
			return last
		}
	}
}

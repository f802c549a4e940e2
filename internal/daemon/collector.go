package daemon

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A collector decides when garbage is collected. Left to itself, the runtime does
// that whenever the heap has doubled, and where 4 MB are in use this is every few
// seconds for somebody who reads the API, and every two minutes in any case. Each
// cycle stops the workers twice, so here there is one when it is worth it: when
// there is much garbage, and once after sessions have come up or changed, to give
// the memory back that this took. The runtime's own cycles are left for the case
// that somebody makes garbage faster than anybody looks.
//
// It is for a daemon that has the process for itself: there is one collector in it.
type collector struct {
	look    func() heap
	collect func()            // collects everything and gives it back to the system
	bound   func(bytes int64) // above which the runtime may start a cycle by itself

	changes     uint64    // as of the last look
	stirred     bool      // there were some since the last cycle
	first, last time.Time // of those
}

// heap is what is known of the memory that the runtime manages, in bytes.
type heap struct {
	live   uint64 // what the last cycle has left
	used   uint64 // that, and what was made since
	mapped uint64 // taken from the system, the heap and all else
}

const (
	muchGarbage = 80 << 20        // and at least as much as is live
	someGarbage = 1 << 20         // is given back after changes
	quietTime   = 3 * time.Second // without another one,
	longTime    = time.Minute     // or so long after the first
	burst       = 128 << 20       // may be mapped between two looks
)

// newCollector takes the decisions from the runtime until end is called. release
// runs what stops the workers.
func newCollector(release func(func())) (c *collector, end func()) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	c = &collector{
		look: func() heap {
			metrics.Read(samples)
			return heap{
				live: samples[0].Value.Uint64(), used: samples[1].Value.Uint64(),
				mapped: samples[2].Value.Uint64() - samples[3].Value.Uint64(),
			}
		},
		collect: func() { release(debug.FreeOSMemory) },
		bound:   func(bytes int64) { debug.SetMemoryLimit(bytes) },
	}
	return c, func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) }
}

// tick looks whether a cycle is due; changes is how many there were to sessions
// since the start.
func (c *collector) tick(now time.Time, changes uint64) {
	if changes != c.changes {
		if !c.stirred {
			c.stirred, c.first = true, now
		}
		c.changes, c.last = changes, now
	}
	h := c.look()
	garbage := h.used - min(h.live, h.used)
	quiet := c.stirred && (now.Sub(c.last) >= quietTime || now.Sub(c.first) >= longTime)
	if garbage >= max(muchGarbage, h.live) || quiet && garbage >= someGarbage {
		c.collect()
		h = c.look()
	}
	if quiet {
		c.stirred = false
	}
	c.bound(int64(min(h.mapped+burst, math.MaxInt64)))
}

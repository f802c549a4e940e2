package bench

import (
	"sync/atomic"

	"github.com/xbfd/xbfd/engine/fastpath"
)

// hearing is what the XDP program at the load peer's end has heard by itself:
// packets that repeat do not wake the load peer, so that it can face an engine
// that is as fast. What is seen of them is their number, the last arrival and the
// longest gap of each session.
type hearing struct {
	lanes *fastpath.Lanes
	lane  []int32 // of each session, below 0 for none
	base  uint64  // heard before the last reset
}

func newHearing(lanes *fastpath.Lanes, sessions int) *hearing {
	lanes.Longest = make([]int64, len(lanes.Heard))
	return &hearing{lanes: lanes, lane: make([]int32, sessions)}
}

// last is the arrival of the latest packet of session k that was heard, 0 for none.
func (h *hearing) last(k int) int64 {
	if h == nil || h.lane[k] < 0 {
		return 0
	}
	return h.lanes.Last(int(h.lane[k]))
}

// gap is the longest silence of session k that a packet ended that was heard: what
// the engine has been told, or the program has kept for it.
func (h *hearing) gap(k int) int64 {
	if h == nil || h.lane[k] < 0 {
		return 0
	}
	lane := int(h.lane[k])
	return max(h.lanes.Longest[lane], h.lanes.Gap(lane))
}

// count is how many packets were heard since the last reset.
func (h *hearing) count() uint64 {
	if h == nil {
		return 0
	}
	return h.total() - h.base
}

func (h *hearing) total() (n uint64) {
	for _, lane := range h.lane {
		if lane >= 0 {
			n += h.lanes.Count(int(lane))
		}
	}
	return n
}

// reset forgets counts and gaps. The program may store a gap that it has just
// measured over ours: one packet's worth.
func (h *hearing) reset() {
	if h == nil {
		return
	}
	h.base = h.total()
	for _, lane := range h.lane {
		if lane >= 0 {
			atomic.StoreInt64(&h.lanes.Heard[lane].Gap, 0)
			h.lanes.Longest[lane] = 0
		}
	}
}

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

// last is the arrival of the latest packet of session k that was heard, 0 for none.
func (h *hearing) last(k int) int64 {
	if h == nil || h.lane[k] < 0 {
		return 0
	}
	return h.lanes.Last(int(h.lane[k]))
}

// gap is the longest silence of session k that a packet ended that was heard.
func (h *hearing) gap(k int) int64 {
	if h == nil || h.lane[k] < 0 {
		return 0
	}
	return h.lanes.Gap(int(h.lane[k]))
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
		}
	}
}

package session

import "math/bits"

// rttBuckets: the last one is open, the first is up to 16 µs, each twice the one
// before it.
const (
	rttBuckets = 16
	rttFirst   = 14 // log2 of the first bucket's end in ns
)

// RTT are the round trip times of Echo packets, in nanoseconds.
type RTT struct {
	Count               uint64
	Last, Min, Max, Sum int64
	Buckets             [rttBuckets]uint32 // see RTTBucketEnd
}

// RTTBucketEnd returns the end in ns (exclusive) of a bucket of RTT.Buckets, 0
// for the last one, which has none.
func RTTBucketEnd(i int) int64 {
	if i >= rttBuckets-1 {
		return 0
	}
	return 1 << (rttFirst + i)
}

// Mean returns the average in ns, 0 while there is none.
func (r *RTT) Mean() int64 {
	if r.Count == 0 {
		return 0
	}
	return r.Sum / int64(r.Count)
}

func (r *RTT) add(ns int64) {
	if r.Count == 0 || ns < r.Min {
		r.Min = ns
	}
	r.Max = max(r.Max, ns)
	r.Last = ns
	r.Sum += ns
	r.Count++
	r.Buckets[min(max(bits.Len64(uint64(ns))-rttFirst, 0), rttBuckets-1)]++
}

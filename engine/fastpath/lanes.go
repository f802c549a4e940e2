package fastpath

import "sync/atomic"

// Heard is what the program notes of a lane, as struct heard in
// bpf/src/heard.h. Times are of the monotonic clock, in nanoseconds.
type Heard struct {
	Last  int64  // arrival of the latest frame heard
	Count uint64 // frames heard
	Gap   int64  // the longest time between two of them, or a packet from the ring and one of them
	Gate  int64  // from when on a frame that is heard is answered; 0: never
}

// Lanes are the lanes of one engine.
type Lanes struct {
	Images  []Image
	Heard   []Heard
	Replies []Reply
	Pulse   *Pulse

	// Longest, one for each lane, keeps the longest of all gaps that TakeGap has
	// returned, for whoever sets it; nil: nobody wants to know.
	Longest []int64
}

// New makes lanes that no program reads, for a simulator.
func New(n int) *Lanes {
	return &Lanes{
		Images: make([]Image, n), Heard: make([]Heard, n), Replies: make([]Reply, n),
		Pulse: &Pulse{Patience: int64(DefaultPatience)},
	}
}

// Take plays the programs' part: it reports whether lane expects the frame,
// which arrived on an interface (a tagged one, on that of the VLAN) at now, and if so
// notes it and returns the frame that goes back where it came from, nil when none is
// due.
func (l *Lanes) Take(lane int, frame []byte, ifindex int32, now int64) (heard bool, reply []byte) {
	if !l.Images[lane].Holds(frame, ifindex) {
		return false, nil
	}
	h := &l.Heard[lane]
	h.Gap = max(h.Gap, now-h.Last)
	h.Last = now
	h.Count++
	return true, l.reply(lane, frame, now)
}

// Expect makes frame the one that lane expects, from a packet that arrived at
// arrival. It reports whether frame is one that can be expected.
func (l *Lanes) Expect(lane int, frame []byte, ifindex int32, arrival int64) bool {
	// The program may be noting a later one just now, which must stay.
	if h, last := &l.Heard[lane], l.Last(lane); last < arrival {
		atomic.CompareAndSwapInt64(&h.Last, last, arrival)
	}
	im := &l.Images[lane]
	if im.Holds(frame, ifindex) {
		return true
	}
	return im.Set(frame, ifindex)
}

// Refuse makes lane expect nothing.
func (l *Lanes) Refuse(lane int) { l.Images[lane].Clear() }

// Last returns the arrival of the latest frame heard.
func (l *Lanes) Last(lane int) int64 { return atomic.LoadInt64(&l.Heard[lane].Last) }

// Count returns how many frames a lane has heard.
func (l *Lanes) Count(lane int) uint64 { return atomic.LoadUint64(&l.Heard[lane].Count) }

// Gap returns the longest time in ns between two arrivals that the program has
// seen, the first of which may have been of a packet from the ring.
func (l *Lanes) Gap(lane int) int64 { return atomic.LoadInt64(&l.Heard[lane].Gap) }

// TakeGap returns Gap and begins anew.
func (l *Lanes) TakeGap(lane int) int64 {
	if l.Gap(lane) == 0 {
		return 0 // the usual answer while a session is sending faster than its peer
	}
	gap := atomic.SwapInt64(&l.Heard[lane].Gap, 0)
	if l.Longest != nil {
		l.Longest[lane] = max(l.Longest[lane], gap)
	}
	return gap
}

// Reset makes a lane ready for another session.
func (l *Lanes) Reset(lane int) {
	l.Refuse(lane)
	l.Uninsure(lane)
	h := &l.Heard[lane]
	atomic.StoreInt64(&h.Last, 0)
	atomic.StoreUint64(&h.Count, 0)
	atomic.StoreInt64(&h.Gap, 0)
	atomic.StoreUint64(&l.Replies[lane].Count, 0)
}

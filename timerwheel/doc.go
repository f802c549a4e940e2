// Package timerwheel keeps the earliest deadline of many small integers.
//
// Ids are 0 to n-1 and each has one deadline or none, in nanoseconds of whatever
// clock the caller has. A wheel belongs to one goroutine, knows no clock and
// allocates only in New and Grow.
//
//	level 0   64 slots of  32.768 µs   ┐ a slot is a list of ids; a bit per slot
//	level 1   64 slots of   2.097 ms   │ says whether it holds any. An id lies in
//	level 2   64 slots of   134.2 ms   │ the lowest level whose present round its
//	level 3   64 slots of   8.590 s    │ deadline falls in, so every id of a level
//	level 4   64 slots of   549.8 s    │ comes before every id of the next, and the
//	level 5   64 slots of  35 184 s    ┘ first set bit is the nearest slot.
//
// A deadline beyond level 5 (26 days) waits in its last slot and is looked at
// again from there.
//
// # Lazy, and bounded
//
// BFD moves nearly every deadline later again and again before it is reached: a
// received packet pushes detection back. So the deadline of an id is the truth,
// and its place in the wheel only a promise to look at it no later than that.
// Moving a deadline later stores one word. When the time of its slot comes, an
// id whose deadline has meanwhile moved on is placed anew, and the caller never
// sees it.
//
// Moving a deadline to before its slot moves the id at once. Its slot's list is
// doubly linked through an array, so that the id leaves one slot and enters
// another by writing a handful of indices. Wheels that leave the old entry
// behind and recognise it as stale save those writes, and pay for it: a caller
// that alternates short and long deadlines piles entries up without bound, or up
// to a bound that has to be counted and enforced. Here an id lies in one slot or
// none, whatever the caller does: that is the bound, and there is nothing to
// recognise.
package timerwheel

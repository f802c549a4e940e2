package session

// Time is an instant of the one clock the engine sees: nanoseconds of the
// host's monotonic clock (CLOCK_MONOTONIC, which is also what BPF's ktime
// reads), or of a virtual clock. Compare instants by the sign of their
// difference, never by converting to unsigned.
type Time int64

// Units of Time differences.
const (
	Microsecond int64 = 1000
	Millisecond       = 1000 * Microsecond
	Second            = 1000 * Millisecond
)

// Never is later than every instant a timer can have.
const Never Time = 1<<63 - 1

package wire

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
)

// The runtime's monotonic clock is CLOCK_MONOTONIC counted from the start of
// the process. Reading it costs a tenth of what clock_gettime costs through
// package unix, which is a real system call.
var (
	clockBase   = time.Now()
	clockOffset = measureOffset()
)

// measureOffset returns CLOCK_MONOTONIC at clockBase. Of several readings the
// one is the truest whose two ends lie closest together.
func measureOffset() time.Duration {
	var offset time.Duration
	narrowest := time.Duration(1<<63 - 1)
	for range 64 {
		var ts unix.Timespec
		before := time.Since(clockBase)
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
			continue
		}
		after := time.Since(clockBase)
		if width := after - before; width < narrowest {
			narrowest = width
			offset = time.Duration(ts.Nano()) - before - width/2
		}
	}
	return offset
}

// Now returns the present instant of CLOCK_MONOTONIC, the clock of the XDP
// program's stamps, true to 1 us.
func Now() session.Time {
	return session.Time(time.Since(clockBase) + clockOffset)
}

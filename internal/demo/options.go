package demo

import (
	"fmt"
	"time"
)

// Options of a demo.
type Options struct {
	Sessions  int           // 1 to 16384
	Interval  time.Duration // transmit and receive, both ends; 100 µs to a minute
	Mult      int           // detection multiplier, 1 to 255
	Hold      time.Duration // from all Up to the cut, 10 minutes at most
	IPv6      bool
	JSON      bool   // print one object instead of progress and a report
	Transport string // auto, xdp, xdp-generic or udp; "" means auto
}

// Limits: each end has one source port for each session, and a demo should end
// while somebody still looks.
const (
	maxSessions = 16384
	minInterval = 100 * time.Microsecond
	maxInterval = time.Minute
	maxHold     = 10 * time.Minute
)

// Check returns the first option that cannot be meant, by the name of its flag.
func (o Options) Check() error {
	switch {
	case o.Sessions < 1 || o.Sessions > maxSessions:
		return fmt.Errorf("--sessions: %d is not 1 to %d", o.Sessions, maxSessions)
	case o.Interval < minInterval || o.Interval > maxInterval:
		return fmt.Errorf("--interval: %v is not %v to %v", o.Interval, minInterval, maxInterval)
	case o.Interval%time.Microsecond != 0:
		return fmt.Errorf("--interval: %v is not a whole number of microseconds", o.Interval)
	case o.Mult < 1 || o.Mult > 255:
		return fmt.Errorf("--mult: %d is not 1 to 255", o.Mult)
	case o.Hold < 0 || o.Hold > maxHold:
		return fmt.Errorf("--hold: %v is not 0 to %v", o.Hold, maxHold)
	}
	return nil
}

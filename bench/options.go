package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The engines that can be measured, and how they may be scheduled.
var (
	DUTs        = []string{"xbfd", "frr", "bird", "sockets"}
	Transmits   = []string{"auto", "xdp", "live"}
	Schedulings = []string{"normal", "fifo"}
	Waits       = []string{"sleep", "adaptive"}
)

// Options of a measurement. Scale runs every engine with every number of
// sessions, the others with the first number.
type Options struct {
	DUTs       []string
	Sessions   []int
	Interval   time.Duration // transmit and receive, both ends
	Mult       int           // detection multiplier, both ends
	Hold       time.Duration // how long is looked, once all sessions are up
	Transmit   string        // how xbfd sends: auto, xdp or live
	Scheduling string        // of the engine under test: normal, fifo, or "" for its own way
	Wait       string        // how xbfd waits: sleep or adaptive
	Program    string        // the xbfd program; "" means the one that runs
	JSON       bool          // one object a line for each result, no report
	Plot       string        // directory for pictures, "" for none

	Routes []int // failover: with how many routes that depend on the first session

	everyPacket bool // the load peer takes in every packet: gaps
	routes      int  // of this run; 0 but for failover

	Search bool // scale: find the most sessions without a false Down

	Trials int  // detect: how many cuts
	Single bool // detect: one session at a time instead of all at once

	Rungs     []string // stress: which, nil for all
	BothCores bool     // stress: load on both cores, not only that of the engine under test
}

// Limits of what can be asked for: addresses, and a measurement should end.
const (
	maxSessions = 65536
	minInterval = time.Millisecond
	maxInterval = 10 * time.Second
	maxHold     = 10 * time.Minute
	maxTrials   = 1000
	maxRoutes   = 10000
)

// Check returns the first option that cannot be meant, by the name of its flag.
func (o Options) Check() error {
	engines := DUTs
	if len(o.Routes) > 0 {
		engines = Routers
	}
	for _, d := range o.DUTs {
		if !slices.Contains(engines, d) {
			return fmt.Errorf("--dut: %q is not one of %v", d, engines)
		}
	}
	for _, n := range o.Routes {
		if n < 1 || n > maxRoutes {
			return fmt.Errorf("--routes: %d is not 1 to %d", n, maxRoutes)
		}
	}
	for _, n := range o.Sessions {
		if n < 1 || n > maxSessions {
			return fmt.Errorf("--sessions: %d is not 1 to %d", n, maxSessions)
		}
	}
	switch {
	case len(o.DUTs) == 0:
		return errors.New("--dut: name at least one engine")
	case len(o.Sessions) == 0:
		return errors.New("--sessions: give at least one number")
	case o.Interval < minInterval || o.Interval > maxInterval:
		return fmt.Errorf("--interval: %v is not %v to %v", o.Interval, minInterval, maxInterval)
	case o.Interval%time.Microsecond != 0:
		return fmt.Errorf("--interval: %v is not a whole number of microseconds", o.Interval)
	case o.Mult < 1 || o.Mult > 255:
		return fmt.Errorf("--mult: %d is not 1 to 255", o.Mult)
	case o.Hold <= 0 || o.Hold > maxHold:
		return fmt.Errorf("--hold: %v is not more than 0 and at most %v", o.Hold, maxHold)
	case o.Trials < 1 || o.Trials > maxTrials:
		return fmt.Errorf("--trials: %d is not 1 to %d", o.Trials, maxTrials)
	case !slices.Contains(Transmits, o.Transmit):
		return fmt.Errorf("--transmit: %q is not one of %v", o.Transmit, Transmits)
	case o.Wait != "" && !slices.Contains(Waits, o.Wait):
		return fmt.Errorf("--wait: %q is not one of %v", o.Wait, Waits)
	case o.Wait == "adaptive" && o.Scheduling == "fifo":
		return errors.New("--wait: adaptive does not go with --scheduling fifo: a worker that does not sleep would have its core for itself")
	case o.Scheduling != "" && !slices.Contains(Schedulings, o.Scheduling):
		return fmt.Errorf("--scheduling: %q is not one of %v", o.Scheduling, Schedulings)
	}
	for _, name := range o.Rungs {
		if !slices.Contains(RungNames(), name) {
			return fmt.Errorf("--rungs: %q is not one of %v", name, RungNames())
		}
	}
	return nil
}

// fifo says whether an engine is to run at real-time priority. The sockets
// engine is the best that can be had without AF_XDP, so it does unless told.
func (o Options) fifo(dut string) bool {
	return o.Scheduling == "fifo" || o.Scheduling == "" && dut == "sockets"
}

// Real-time priorities: an engine under test that runs with one, the load peer
// under stress, and the hogs of L4.
const (
	dutPriority  = 60
	peerPriority = 70
)

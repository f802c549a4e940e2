package engine

import (
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/engine/session"
)

// Config makes an Engine. The zero value is one worker and a fixed seed.
type Config struct {
	Workers int    // 1 to MaxWorkers; 0 means 1
	Seed    uint64 // of discriminators, ports and jitter; give it something unpredictable

	// Capacity is how many packets per second one worker may be given, sent and
	// received together; 0 means no limit. See LoadError.
	Capacity uint64
	// Sessions is how many are to come soon: what the workers need for them is made
	// at once. More may follow.
	Sessions int
	// MinInterval is the shortest interval in microseconds that sessions get,
	// whatever they ask for; 0 means no limit.
	MinInterval uint32

	// Lanes are shared with the XDP program, which then hears packets that say
	// nothing new by itself; nil if there is none.
	Lanes *fastpath.Lanes
	// Insurance has the kernel answer what it hears while a worker stands still,
	// on interfaces that can.
	Insurance bool

	// Record says what of the sessions' packets each worker keeps, for Capture; the
	// zero value is nothing.
	Record flight.Options

	// Wake is called, from any goroutine, when worker i has something to do
	// before the instant its last Step returned. It must not block. nil if
	// whoever calls Step does not wait.
	Wake func(worker int)
}

// Spec is what a session is besides its path.
type Spec struct {
	Params session.Params
	DSCP   uint8 // of the packets it sends
	MinTTL uint8 // multihop: the least TTL or Hop Limit accepted; 0 means 254
	Strict bool  // single hop: accept packets from the path's interface only
	Auth   Auth
}

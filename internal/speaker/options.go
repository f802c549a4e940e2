package speaker

import (
	"log/slog"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/flight"
)

// Options make a Speaker. The zero value is one worker on any CPU, transport
// "auto", no log.
type Options struct {
	Workers   int                        // 0 means 1
	CPUs      []int                      // of the workers; empty means any
	Priority  int                        // of the workers under SCHED_FIFO; 0 means normal scheduling
	Adaptive  bool                       // the workers look for packets before they sleep; not with Priority
	Keep      bool                       // real-time workers never wait for threads of normal priority: see wire.LoopOptions, and Release
	Transport func(ifname string) string // auto, xdp, xdp-generic or udp; nil means auto

	// EchoLoop says who sends the peers' Echo packets back on an interface: ring
	// for the engine, xdp for the XDP program, which is faster; nil means auto.
	// auto is ring: whether what a program sends by XDP_TX is delivered depends
	// on the driver and on the other end, and nothing here proves that it is.
	EchoLoop func(ifname string) string

	// SteerTo is 1 + the receive queue that an interface's card is to steer BFD's
	// frames to, where it can; 0 leaves it to the card; nil means 0.
	SteerTo func(ifname string) int

	Sessions    int    // how many the XDP tables have room for; 0 means 65536
	Lanes       int    // how many of them the XDP program may hear by itself; 0 means DefaultLanes, less than 0 none
	Expected    int    // how many are added next; more may follow
	Capacity    uint64 // packets a second that one worker may be given; 0 means no limit
	MinInterval uint32 // microseconds; shorter intervals are slowed to it; 0 means no limit
	Logger      *slog.Logger

	// Transmit says how frames leave: xdp by the rings alone, live with large
	// batches as live frames, auto what is proven to be safe; "" means xdp.
	Transmit string

	// DeadMan is how long a worker may stand still while the kernel answers for it
	// what it hears, on interfaces that can; 0 means not at all.
	DeadMan time.Duration

	// Insurance says how it answers, as in wire.Options; "" is the best there is.
	Insurance string

	// Record says what of the sessions' packets each worker keeps.
	Record flight.Options

	// Journals is the directory in which is written down what outlives the process.
	// What others have left in it, as far as they are dead, is removed first. "":
	// nothing that would have to be written down is made but for neighbour entries.
	Journals string

	// In runs a function in the Speaker's network namespace; nil means that
	// of the calling thread.
	In func(func() error) error

	// OnEvents is called with what became of sessions, from one goroutine.
	OnEvents func([]engine.Event)
	// OnNotes is called by the same with near misses and stalls, and how many more
	// there were; nil does not want to know.
	OnNotes func(notes []engine.Note, unsaid uint64)
}

// defaultSessions sizes the XDP tables: a hash that is allocated as it fills.
const defaultSessions = 1 << 16

// DefaultLanes is how many sessions have a lane unless Options say otherwise: 464
// bytes of memory each, which is taken at once.
const DefaultLanes = 1 << 12

func (o Options) withDefaults() Options {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Transport == nil {
		o.Transport = func(string) string { return "auto" }
	}
	if o.SteerTo == nil {
		o.SteerTo = func(string) int { return 0 }
	}
	if o.EchoLoop == nil {
		o.EchoLoop = func(string) string { return "auto" }
	}
	if o.Sessions == 0 {
		o.Sessions = defaultSessions
	}
	if o.Transmit == "" {
		o.Transmit = "xdp"
	}
	if o.Lanes == 0 {
		o.Lanes = DefaultLanes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.In == nil {
		o.In = func(fn func() error) error { return fn() }
	}
	if o.OnEvents == nil {
		o.OnEvents = func([]engine.Event) {}
	}
	if o.OnNotes == nil {
		o.OnNotes = func([]engine.Note, uint64) {}
	}
	return o
}

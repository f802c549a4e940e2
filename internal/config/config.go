package config

import (
	"io/fs"
	"log/slog"
	"slices"
	"time"
)

// Defaults of what a file may leave out; those of a session are FRR's.
const (
	DefaultControlPath  = "/run/xbfd.sock"
	DefaultControlMode  = fs.FileMode(0o660)
	DefaultTransport    = "auto"
	DefaultShutdownHold = 3 * time.Second
	DefaultVRF          = "default"

	DefaultInterval   = 300_000 // microseconds, both directions
	DefaultDetectMult = 3
	DefaultDSCP       = 48 // CS6, network control

	DefaultEchoInterval = 50_000    // microseconds, both directions
	DefaultDemandPoll   = 1_000_000 // microseconds
	DefaultMinTTL       = 254       // multihop: one hop more than a direct one
	DefaultCapacity     = 500_000   // packets a second for each worker
	DefaultEchoLoop     = "auto"
	DefaultScheduling   = "normal"
	DefaultPriority     = 60 // of FIFO: above what else is usually there, below the kernel's own threads
	DefaultWait         = "sleep"
)

// Limits of what a file may ask for.
const (
	MaxQueue        = 4095 // of a network card
	MaxWorkers      = 16   // four bits of a discriminator name the worker
	MaxPriority     = 99   // of SCHED_FIFO
	MaxShutdownHold = time.Minute
)

// Config is a whole, valid configuration. A Config is never changed once it is
// made, so it may be shared.
type Config struct {
	File          string // where it came from; empty for `run LOCAL PEER`
	Control       Control
	Log           Log
	Metrics       Metrics
	Transport     string // "auto", "xdp", "xdp-generic" or "udp"
	Interfaces    []Interface
	Workers       Workers
	FastPath      FastPath
	Capture       Capture
	ShutdownHold  time.Duration // how long AdminDown is repeated on the way out
	EchoSource    EchoSource
	GoBGP         GoBGP
	Profiles      map[string]Settings
	Keys          []AuthKey      // in the order of the file
	Peers         []Peer         // in the order of the file
	Hooks         []Hook         // in the order of the file
	DataPlane     []DPlane       // who else has sessions run here: FRR's bfdd
	Routes        []Route        // in the order of the file
	NexthopGroups []NexthopGroup // likewise
	Addresses     []Address      // in the order of the file
	Warnings      []Problem
}

// Control says where the control socket stands and who may use it.
type Control struct {
	Path  string
	Group string      // name or number; empty leaves the process's own group
	Mode  fs.FileMode // permission bits
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Interface is what one network interface does differently from the rest.
type Interface struct {
	Name      string
	Transport string
	EchoLoop  string // who returns the peers' echoes: "auto", "ring" or "xdp"
	SteerTo   int    // 1 + the receive queue that the card is to steer packets to; 0: as it does
}

// Workers says how many threads run sessions, where, and what they may be asked
// for. CPUs is empty (any CPU) or has one entry for each worker.
type Workers struct {
	Count       int
	CPUs        []int
	Capacity    int    // packets a second that one worker may be given; 0 is no limit
	MinInterval uint32 // microseconds; what is asked for below is slowed to it (RFC 7419 §3)

	Scheduling string // "normal" or "fifo"
	Priority   int    // 1 to MaxPriority; without effect unless "fifo"
	Wait       string // how a worker waits: "sleep" or "adaptive"
}

// Adaptive reports whether the workers look for packets for a moment before they
// sleep.
func (w Workers) Adaptive() bool { return w.Wait == "adaptive" }

// FIFO returns the real-time priority of the workers, 0 for normal scheduling.
func (w Workers) FIFO() int {
	if w.Scheduling != "fifo" {
		return 0
	}
	return w.Priority
}

func (w Workers) same(o Workers) bool {
	return w.Count == o.Count && slices.Equal(w.CPUs, o.CPUs) && w.Capacity == o.Capacity && w.MinInterval == o.MinInterval &&
		w.FIFO() == o.FIFO() && w.Wait == o.Wait
}

// TransportFor returns the transport asked for on the named interface.
func (c Config) TransportFor(name string) string {
	for _, i := range c.Interfaces {
		if i.Name == name {
			return i.Transport
		}
	}
	return c.Transport
}

// EchoLoopFor returns who is to return the peers' echoes on the named interface.
func (c Config) EchoLoopFor(name string) string {
	for _, i := range c.Interfaces {
		if i.Name == name {
			return i.EchoLoop
		}
	}
	return DefaultEchoLoop
}

// SteerToFor returns 1 + the receive queue that the card of the named interface is to
// steer packets to, 0 for as it does.
func (c Config) SteerToFor(name string) int {
	for _, i := range c.Interfaces {
		if i.Name == name {
			return i.SteerTo
		}
	}
	return 0
}

func defaults(name string) Config {
	return Config{
		File:      name,
		Control:   Control{Path: DefaultControlPath, Mode: DefaultControlMode},
		Log:       Log{Level: slog.LevelInfo, Format: "text"},
		Metrics:   Metrics{Sessions: DefaultMetricsSessions},
		Transport: DefaultTransport,
		Workers: Workers{
			Count: 1, Capacity: DefaultCapacity,
			Scheduling: DefaultScheduling, Priority: DefaultPriority, Wait: DefaultWait,
		},
		FastPath:     defaultFastPath(),
		Capture:      defaultCapture(),
		ShutdownHold: DefaultShutdownHold,
		Profiles:     map[string]Settings{},
	}
}

package config

import (
	"io/fs"
	"log/slog"
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
)

// Limits of what a file may ask for.
const (
	MaxWorkers      = 16 // four bits of a discriminator name the worker
	MaxShutdownHold = time.Minute
)

// Config is a whole, valid configuration. A Config is never changed once it is
// made, so it may be shared.
type Config struct {
	File         string // where it came from; empty for `run LOCAL PEER`
	Control      Control
	Log          Log
	Transport    string // "auto", "xdp", "xdp-generic" or "udp"
	Interfaces   []Interface
	Workers      Workers
	ShutdownHold time.Duration // how long AdminDown is repeated on the way out
	Profiles     map[string]Settings
	Keys         []AuthKey // in the order of the file
	Peers        []Peer    // in the order of the file
	Warnings     []Problem
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
}

// Workers says how many threads run sessions, and where. CPUs is empty (any
// CPU) or has one entry for each worker.
type Workers struct {
	Count int
	CPUs  []int
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

func defaults(name string) Config {
	return Config{
		File:         name,
		Control:      Control{Path: DefaultControlPath, Mode: DefaultControlMode},
		Log:          Log{Level: slog.LevelInfo, Format: "text"},
		Transport:    DefaultTransport,
		Workers:      Workers{Count: 1},
		ShutdownHold: DefaultShutdownHold,
		Profiles:     map[string]Settings{},
	}
}

package client

import "time"

// Totals are what the daemon has counted since it started, or since all its
// counters were cleared.
type Totals struct {
	Since time.Time `json:"since"` // UTC
	// Sessions is the sum over the sessions there are, each since it was created
	// or cleared.
	Sessions Counters `json:"sessions"`
	// RxDiscarded is every discarded packet by reason, those included that no
	// session was found for or whose session is gone.
	RxDiscarded map[string]uint64   `json:"rx-discarded"`
	Interfaces  []InterfaceCounters `json:"interfaces"`
}

// InterfaceCounters are what was counted on one interface.
type InterfaceCounters struct {
	Name     string            `json:"name"`
	Counters map[string]uint64 `json:"counters"` // verdicts of the XDP program, rings and sockets
}

// ClearQuery says what of a session is to start again.
type ClearQuery struct {
	OnlyPackets bool `json:"only-packets"` // not its changes of state, margins and round trip times
}

// Add adds what o has counted.
func (c *Counters) Add(o *Counters) {
	c.Tx += o.Tx
	c.Rx += o.Rx
	c.RxHeard += o.RxHeard
	c.TxFailed += o.TxFailed
	c.EchoTx += o.EchoTx
	c.EchoRx += o.EchoRx
	c.EchoLooped += o.EchoLooped
	c.Up += o.Up
	c.Down += o.Down
	c.AdminDown += o.AdminDown
	c.Insurance += o.Insurance
	for reason, n := range o.RxDiscarded {
		if c.RxDiscarded == nil {
			c.RxDiscarded = make(map[string]uint64)
		}
		c.RxDiscarded[reason] += n
	}
}

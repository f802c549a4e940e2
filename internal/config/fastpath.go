package config

import "time"

// Switches are what each part of the fast path may be: on asks to be told when
// it is not to be had.
var Switches = []string{"auto", "on", "off"}

// Dead-man times: from far longer than the stalls that insurance is for to what
// a peer may be misled for at the most.
const (
	DefaultDeadMan = 3 * time.Second
	minDeadMan     = 100 * time.Millisecond
	MaxDeadMan     = time.Minute
)

// FastPath says what the kernel may do for sessions by itself. Each part is one
// of Switches.
type FastPath struct {
	Heard        string        // the XDP program takes in packets that say nothing new
	Insurance    string        // replies are sent while the workers stall
	LiveTransmit string        // large batches of packets are sent by the XDP program
	DeadMan      time.Duration // how long a stall may be and still be insured
}

func defaultFastPath() FastPath {
	return FastPath{Heard: "auto", Insurance: "auto", LiveTransmit: "auto", DeadMan: DefaultDeadMan}
}

func (d *document) fastPath(into *FastPath) func(value) {
	return func(v value) {
		d.mapping(v, fields{
			"heard":         d.choice(&into.Heard, Switches),
			"insurance":     d.choice(&into.Insurance, Switches),
			"live-transmit": d.choice(&into.LiveTransmit, Switches),
			"dead-man":      d.deadMan(&into.DeadMan),
		})
	}
}

func (d *document) deadMan(into *time.Duration) func(value) {
	read := d.duration(into, MaxDeadMan)
	return func(v value) {
		if read(v); *into < minDeadMan {
			*into = DefaultDeadMan
			d.fault(v, "is shorter than many a stall: set %s or more, or insurance: off", minDeadMan)
		}
	}
}

package main

import (
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/internal/control"
)

// sessionType returns in a word what sort of session s is.
func sessionType(s *control.Session) string {
	switch {
	case s.Unaffiliated:
		return "echo"
	case s.Multihop:
		return "multihop"
	}
	return "single-hop"
}

// sentFrom tells that the peer's packets come from another address than its own.
func sentFrom(s *control.Session) string {
	if !s.PeerSource.IsValid() {
		return ""
	}
	return fmt.Sprintf(" (sends from %s)", s.PeerSource)
}

// writeEcho writes what there is to say of Echo, nothing where nobody wants it.
func writeEcho(line writer, s *control.Session) {
	e := &s.Echo
	if e.TxInterval > 0 {
		text := e.Mode
		if e.Interval > 0 {
			text += fmt.Sprintf(", every %s from %s", interval(e.Interval), address(e.Source))
		}
		if e.DetectionTime > 0 {
			text += ", detection time " + interval(e.DetectionTime)
		}
		line("Echo", "%s", text)
	}
	if e.RxInterval > 0 {
		text := "not offered"
		if e.Loop.Offered > 0 {
			text = "offered at " + interval(e.Loop.Offered)
		}
		line("Peer's echo", "%s", text)
	}
	if e.TxInterval+e.RxInterval > 0 && e.Reason != "" {
		line("", "%s", e.Reason)
	}
	if r := &e.RTT; r.Count > 0 {
		line("Round trips", "%d: min %s, avg %s, max %s, last %s", r.Count, roundTrip(r.Min), roundTrip(r.Avg), roundTrip(r.Max), roundTrip(r.Last))
		line("", "%s", histogram(r.Histogram))
	}
}

// roundTrip returns a time in microseconds for people, to a tenth of one.
func roundTrip(us float64) string {
	if us >= 1000 {
		return fmt.Sprintf("%.2fms", us/1000)
	}
	return fmt.Sprintf("%.1fus", us)
}

// histogram returns the buckets as in "up to 32.8us 17, more 1".
func histogram(buckets []control.Bucket) string {
	parts := make([]string, len(buckets))
	for i, b := range buckets {
		parts[i] = fmt.Sprintf("more %d", b.Count)
		if b.LE != nil {
			parts[i] = fmt.Sprintf("up to %s %d", roundTrip(*b.LE), b.Count)
		}
	}
	return strings.Join(parts, ", ")
}

// writeDemand writes what there is to say of Demand mode, nothing where neither
// end wants it.
func writeDemand(line writer, d *control.Demand) {
	if d.Mode == "off" && !d.RemoteActive {
		return
	}
	active := map[bool]string{true: "active", false: "not active"}
	text := d.Mode
	if d.Mode != "off" {
		text += ", " + active[d.LocalActive]
		if d.PollInterval > 0 {
			text += ", a poll every " + interval(d.PollInterval)
		} else {
			text += ", polls only on command"
		}
	}
	if d.Bound > 0 {
		text += ", a failure is noticed within " + interval(d.Bound)
	}
	line("Demand", "%s; the peer's %s", text, active[d.RemoteActive])
}

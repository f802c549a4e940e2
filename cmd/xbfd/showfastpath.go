package main

import "github.com/xbfd/xbfd/internal/control"

// writeFastPath writes what the kernel does for a session and what that leaves
// to spare.
func writeFastPath(line writer, s *control.Session) {
	f, m := &s.FastPath, &s.Margin
	line("Fast path", "heard %s, insurance %s, transmit %s", f.Heard, f.Insurance, dash(f.Transmit))
	if f.Reason != "" {
		line("", "%s", f.Reason)
	}
	if s.Counters.Insurance > 0 {
		line("", "%d replies sent while a worker stalled", s.Counters.Insurance)
	}
	if m.Min != nil {
		line("Margin", "at the least %s; %s", leastLeft(*m.Min), misses(uint64(m.NearMisses)))
	}
	if m.Min != nil || m.LongestTx > 0 {
		line("Longest gaps", "received %s, sent %s; %s sent late", interval(m.LongestRx), interval(m.LongestTx), plural(int(m.LateTx), "packet"))
	}
}

// leastLeft says how much of the detection time was left when a packet came.
func leastLeft(us int64) string {
	if us < 0 {
		return span(uint64(-us)) + " over the detection time, and seen in time all the same"
	}
	return span(uint64(us)) + " of the detection time was left"
}

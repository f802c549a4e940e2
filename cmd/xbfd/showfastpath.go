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
		line("Margin", "%s of the detection time was left at the least; %s", interval(uint64(max(*m.Min, 0))), misses(uint64(m.NearMisses)))
	}
	if m.Min != nil || m.LongestTx > 0 {
		line("Longest gaps", "received %s, sent %s; %s sent late", interval(m.LongestRx), interval(m.LongestTx), plural(int(m.LateTx), "packet"))
	}
}

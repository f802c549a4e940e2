package top

import (
	"net/netip"
	"time"

	"github.com/xbfd/xbfd/client"
)

// Snapshot is a daemon at one instant, or why it could not be asked.
type Snapshot struct {
	At       time.Time
	Status   client.Status
	Sessions []client.Session
	Err      error // the rest is empty
}

// samples is how many looks a sparkline remembers.
const samples = 60

// key names a session from look to look. One that does not run has no discriminator.
type key struct {
	discr       uint32
	peer, local netip.Addr
	ifname      string
}

func keyOf(s *client.Session) key {
	if s.LocalDiscriminator != 0 {
		return key{discr: s.LocalDiscriminator}
	}
	return key{peer: s.Peer, local: s.Local, ifname: s.Interface}
}

// row is one session with what two looks at it tell.
type row struct {
	*client.Session
	tx, rx, heard float64   // packets a second
	margin        []float32 // of the detection time, at each look; the newest last
}

// follow turns the snapshots before and now into rows. Rates want the session to
// be in both, from the same daemon.
func follow(before *Snapshot, rows map[key]*row, now *Snapshot) map[key]*row {
	again := same(before, now)
	seconds := now.At.Sub(before.At).Seconds()
	next := make(map[key]*row, len(now.Sessions))
	for i := range now.Sessions {
		r := &row{Session: &now.Sessions[i]}
		if old := rows[keyOf(r.Session)]; again && old != nil && old.Peer == r.Peer {
			r.margin = old.margin
			if seconds > 0 {
				a, b := &old.Counters, &r.Counters
				r.tx = since(a.Tx, b.Tx, seconds)
				r.heard = since(a.RxHeard, b.RxHeard, seconds)
				r.rx = since(a.Rx, b.Rx, seconds) + r.heard
			}
		}
		r.margin = append(r.margin[max(0, len(r.margin)-samples+1):], share(r.Session))
		next[keyOf(r.Session)] = r
	}
	return next
}

// same tells whether two snapshots are of the same run of the daemon.
func same(a, b *Snapshot) bool {
	return a.Status.PID == b.Status.PID && a.Status.Started.Equal(b.Status.Started)
}

// cores is how many processors the daemon has kept busy between two snapshots.
func cores(before, now *Snapshot) float64 {
	seconds := now.At.Sub(before.At).Seconds()
	if !same(before, now) || seconds <= 0 {
		return 0
	}
	return max(0, now.Status.Process.CPUSeconds-before.Status.Process.CPUSeconds) / seconds
}

// since is what was counted a second; counters that were cleared count from 0.
func since(before, now uint64, seconds float64) float64 {
	if now < before {
		before = 0
	}
	return float64(now-before) / seconds
}

// share is how much of the detection time is left at this instant.
func share(s *client.Session) float32 {
	if s.State != "up" || s.DetectionTime == 0 || s.LastRx == nil || s.Demand.LocalActive {
		return unknown
	}
	left := float32(s.DetectionTime) - float32(*s.LastRx)
	return max(left/float32(s.DetectionTime), unknown/2.)
}

// total adds up the rates of all rows.
func total(rows map[key]*row) (tx, rx, heard float64) {
	for _, r := range rows {
		tx, rx, heard = tx+r.tx, rx+r.rx, heard+r.heard
	}
	return tx, rx, heard
}

//go:build vm

package matrix_test

import (
	"fmt"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// insurance stops a for longer than b's Detection Time; with insurance no session goes
// down. It reports whether a was stopped. An emulated machine may stand still itself,
// and nobody answers for that: a guest in which it does each time runs once more.
func (r *row) insurance() bool {
	how, why := "", ""
	for _, i := range r.a.status(r.t).Interfaces {
		switch i.Insurance {
		case "tcx", "clsact", "xdp":
			how = i.Insurance
		default:
			why = i.Insurance
		}
	}
	if how == "" {
		r.tell(matrix.Insurance, matrix.No(why))
		return false
	}
	var downs uint64
	for range tries {
		before := r.downs()
		r.stall()
		if downs = r.downs() - before; downs == 0 {
			r.answered()
			r.tell(matrix.Insurance, matrix.Yes(how))
			return true
		}
		r.t.Logf("%d sessions went down while one daemon was stopped", downs)
		r.await("every session is up again", r.isUp)
		time.Sleep(2 * detection) // until they are heard
	}
	r.t.Errorf("%d sessions went down each time that one daemon was stopped", downs)
	return true
}

// answered fails the test unless a was answered for in every session.
func (r *row) answered() {
	for _, s := range r.a.sessions(r.t) {
		if s.Counters.Insurance == 0 {
			r.t.Errorf("session with %s was not answered for", s.Peer)
		}
	}
}

// downs counts the times that a session of either end has gone down.
func (r *row) downs() (n uint64) {
	for _, d := range []*daemon{r.a, r.b} {
		for _, count := range d.status(r.t).Downs {
			n += count
		}
	}
	return n
}

// live tells whether live frames are sent and none is lost: after a stall the packets
// of all sessions are due at once. The first are tried a second after the start.
func (r *row) live(stalled bool) {
	for range tries {
		sent, lost, why := r.liveFrames()
		r.t.Logf("live frames: %d sent, %d not: %s", sent, lost, why)
		switch {
		case sent > 0 && lost == 0:
			r.tell(matrix.Live, matrix.Yes(""))
			return
		case sent > 0 || !stalled || why != "on":
			how := "the ring"
			if s := r.a.sessions(r.t)[0]; s.Transport == "udp" {
				how, why = "sockets", s.TransportReason
			}
			r.tell(matrix.Live, matrix.Instead(how, why))
			return
		}
		r.stall()
	}
	r.t.Error("no live frame was sent, though it was on")
}

func (r *row) liveFrames() (sent, lost uint64, why string) {
	for _, i := range r.a.status(r.t).Interfaces {
		sent += i.Counters["live_tx"]
		lost += i.Counters["live_tx_lost"] + i.Counters["live_tx_refused"] + i.Counters["live_tx_error"]
		if why != "on" {
			why = i.LiveTransmit
		}
	}
	return sent, lost, why
}

// stall has a stand still for longer than b's Detection Time.
func (r *row) stall() {
	r.a.signal(r.t, stop)
	time.Sleep(stopped)
	r.a.signal(r.t, resume)
	time.Sleep(detection)
}

// detect stops b, whose sessions are then found out by a.
func (r *row) detect() {
	var faults []string
	for range tries {
		r.b.signal(r.t, stop)
		r.await("every session is down", func() bool { return r.a.status(r.t).Sessions.Up == 0 })
		var longest time.Duration
		faults = nil
		for _, s := range r.a.sessions(r.t) {
			silent, fault := foundOut(s)
			longest = max(longest, silent)
			if fault != "" {
				faults = append(faults, fmt.Sprintf("session with %s: %s", s.Peer, fault))
			}
		}
		r.b.signal(r.t, resume)
		r.await("every session is up again", r.isUp)
		if len(faults) == 0 {
			r.t.Logf("detected in %v of %v at the most", longest, detection)
			r.tell(matrix.Detected, matrix.Yes(""))
			return
		}
		r.t.Logf("not found out as it should be: %q", faults)
	}
	r.t.Errorf("not found out as it should be: %q", faults)
}

// foundOut returns for how long the peer had been silent when the session went down,
// and what is wrong with that.
func foundOut(s control.Session) (silent time.Duration, fault string) {
	if s.LastChange == nil || s.LastChange.Evidence == nil || s.LastChange.Evidence.Evidence == nil {
		return 0, "nobody knows why it went down"
	}
	why := s.LastChange.Evidence
	silent = time.Duration(why.PeerSilent) * time.Microsecond
	if why.Kind != "control-expiry" || silent < detection || silent > detection+late {
		fault = fmt.Sprintf("%s after %v of silence", why.Kind, silent)
	}
	return silent, fault
}

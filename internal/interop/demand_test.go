package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

const (
	// demandPoll is how often Demand mode asks in these tests, and demandDetection when
	// it would take the peer for dead without Demand mode.
	demandPoll      = 400 * time.Millisecond
	demandDetection = mult * 50 * time.Millisecond
	// twoPolls is time enough for two, on a busy machine too: the next waits until no Final
	// of the last can come.
	twoPolls = 4 * (demandPoll + demandDetection)
)

func demandSession(peer *host, transport string, demand bool) string {
	return fmt.Sprintf("transport: %s\nshutdown-hold: 500ms\npeers:\n  - {peer: %s, transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d,"+
		" demand-mode: %v, demand-poll-interval: %v}\n", transport, peer.v4, mult, demand, demandPoll)
}

// TestDemand lets one end ask for silence, or both. Then nothing is sent but
// Polls and Finals by those who were asked, and a peer that stops answering is
// found out within the bound that is shown.
func TestDemand(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		t.Run(map[bool]string{false: "one end", true: "both ends"}[both], func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			wire := newTap(t, b)
			db := start(t, b, demandSession(a, "udp", both)) // so that the tap sees what it sends
			d := start(t, a, demandSession(b, "auto", true))
			active := func() bool {
				here, there := d.session(t, b.v4), db.session(t, a.v4)
				return here.Demand.LocalActive && there.Demand.RemoteActive && here.Demand.RemoteActive == both && there.Demand.LocalActive == both &&
					here.Poll == "none"
			}
			eventually(t, patience, "Demand mode is active", active)
			rows.Covers(t, "5880-6.6-01", "5880-6.6-04")

			mark := wire.mark()
			time.Sleep(twoPolls)
			silent(t, wire.all(mark), both)
			s := d.steady(t, b.v4, 0)
			db.steady(t, a.v4, 0)
			bound := time.Duration(s.Demand.Bound) * time.Microsecond
			if bound < demandPoll+demandDetection || bound > demandPoll+4*demandDetection {
				t.Errorf("the bound is %v", bound)
			}
			rows.Covers(t, "5880-6.6-03", "5880-6.6-08", "5880-6.8.4-08")
			toggle(t, d, wire, b)
			eventually(t, patience, "Demand mode is active", active)

			mark = wire.mark()
			db.signal(t, syscall.SIGSTOP)
			down := wire.wait(t, mark, "our Down", func(s sighting) bool { return !s.out && s.State == packet.Down })
			db.signal(t, syscall.SIGCONT)
			answer, _ := last(wire.all(0), func(s sighting) bool { return s.out && s.at < down.at })
			took := down.at - answer.at
			t.Logf("Down %v after the last answer, bound %v", took, bound)
			if down.Diag != packet.DiagControlExpiry || down.Demand || took > bound+lateness {
				t.Errorf("%v, %v after the last answer", down, took)
			}
			eventually(t, patience, "Demand mode is active again", active)
			rows.Covers(t, "5880-6.6-07", "5880-6.6-10", "5880-6.8.4-07", "5880-6.8.4-06")
		})
	}
}

// silent checks what passed while Demand mode was active: of a periodic packet
// of those that were asked for silence there must be none.
func silent(t testing.TB, list []sighting, both bool) {
	t.Helper()
	polls, finals := 0, 0
	for _, s := range list {
		asked := s.out || both
		switch {
		case s.Demand != (!s.out || both):
			t.Errorf("D bit of %v", s)
		case s.out && s.Final:
			finals++
		case !s.out && s.Poll:
			polls++
		case asked && !s.Poll && !s.Final:
			t.Errorf("a periodic packet: %v", s)
		}
	}
	if polls < 2 || finals < polls-1 {
		t.Errorf("%d Polls, %d Finals", polls, finals)
	}
}

// toggle ends Demand mode and begins it again, live: each by a Poll, and without
// it the peer's periodic packets are back.
func toggle(t testing.TB, d *daemon, wire *tap, b *host) {
	t.Helper()
	for _, on := range []bool{false, true} {
		mark := wire.mark()
		d.do(t, "session", "set", b.v4.String(), fmt.Sprintf("--demand-mode=%v", on))
		// It may have to wait until no Final of the Poll before can come.
		wire.wait(t, mark, "our Poll with the other D bit", func(s sighting) bool { return !s.out && s.Demand == on && s.Poll })
		if !on {
			periodic := func(s sighting) bool { return s.out && !s.Poll && !s.Final }
			heard := wire.wait(t, mark, "a periodic packet of the peer", periodic)
			wire.wait(t, mark, "another", func(s sighting) bool { return periodic(s) && s.at > heard.at })
		}
		settled(t, d, b)
	}
	d.steady(t, b.v4, 0)
	rows.Covers(t, "5880-6.6-04", "5880-6.6-06", "5880-6.6-09")
}

// TestDemandRestart restarts a peer in Demand mode of both ends: its first Down
// tells of it, although nobody listens for silence.
func TestDemandRestart(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	config := strings.Replace(demandSession(b, "auto", true), "400ms", "60s", 1) // no Poll helps
	d := start(t, a, config)
	other := strings.Replace(demandSession(a, "udp", true), "400ms", "60s", 1)
	db := start(t, b, other)
	eventually(t, patience, "Demand mode is active", func() bool {
		here, there := d.session(t, b.v4), db.session(t, a.v4)
		return here.Demand.LocalActive && here.Demand.RemoteActive && here.Poll == "none" && there.Poll == "none"
	})
	db.ended = true
	db.signal(t, syscall.SIGKILL)
	<-db.exited
	time.Sleep(2 * demandDetection)
	d.steady(t, b.v4, 0)
	db = start(t, b, other)
	eventually(t, patience, "up with the new instance", func() bool {
		s := d.session(t, b.v4)
		return s.State == "up" && s.Counters.Up == 2 && s.Demand.LocalActive
	})
	if s := d.session(t, b.v4); s.Diagnostic != "neighbor-down" {
		t.Errorf("session %+v", s)
	}
	rows.Covers(t, "5880-6.6-11", "5880-6.8.6-11")
}

// TestDemandForeign asks BIRD 2.0.12 for silence, which it keeps, and FRR 8.4.4,
// which does not know of it and goes on. Both answer Polls, so both sessions work.
func TestDemandForeign(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		wire := newTap(t, b)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		d := start(t, a, demandSession(b, "auto", true))
		eventually(t, patience, "Demand mode is active", func() bool { return d.session(t, b.v4).Demand.LocalActive })
		mark := wire.mark()
		d.steady(t, b.v4, twoPolls)
		polls, finals, periodic := 0, 0, 0
		for _, s := range wire.all(mark) {
			switch {
			case s.out && s.Final:
				finals++
			case s.out:
				periodic++
			case s.Poll:
				polls++
			}
		}
		t.Logf("%d Polls, %d Finals, %d periodic packets of the peer in %v", polls, finals, periodic, twoPolls)
		if _, deaf := peer.(*frr); deaf != (periodic > 1) {
			t.Error("that is not as it was with the versions that we know")
		}
		if polls < 2 || finals < polls-1 {
			t.Errorf("%d Polls, %d Finals", polls, finals)
		}
		if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		peer.kill(t)
		d.waitState(t, b.v4, "down")
		if s := d.session(t, b.v4); s.Diagnostic != "control-expiry" {
			t.Errorf("after the peer's end: %+v", s)
		}
		peer.revive(t)
		d.waitState(t, b.v4, "up")
	})
}

package daemon

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

func ptr[T any](v T) *T { return &v }

func (e *end) self() control.Target { return control.Target{X: e.peer.String(), Multihop: ptr(false)} }

func (e *end) signal(d packet.Diag) control.Session {
	e.t.Helper()
	s, err := e.Signal(e.t.Context(), e.self(), d)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// set changes a session and returns it.
func (e *end) set(c control.SessionChange) control.Session {
	e.t.Helper()
	s, err := e.Change(e.t.Context(), e.self(), c)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// sees waits until a session is as want says.
func (e *end) sees(what string, want func(s control.Session) bool) control.Session {
	e.t.Helper()
	var s control.Session
	testnet.Eventually(e.t, 10*time.Second, what, func() bool {
		s = e.session()
		return want(s)
	})
	return s
}

// TestSignals: what others know of the path reaches both ends.
func TestSignals(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	waitUp(t, a, b)

	// Down by a signal is not undone by the operator's hand, and no failure to the peer.
	if s := a.signal(packet.DiagPathDown); s.State != "admin-down" || s.Diagnostic != "path-down" {
		t.Errorf("path down: %s, %s", s.State, s.Diagnostic)
	}
	s := b.sees("the peer hears of the path", func(s control.Session) bool { return s.State == "down" })
	if s.RemoteState != "admin-down" || s.RemoteDiagnostic != "path-down" || s.LastChange.Cause != "remote-admin-down" {
		t.Errorf("at the peer: %+v", s)
	}
	if s := a.set(control.SessionChange{Shutdown: ptr(false)}); s.State != "admin-down" {
		t.Errorf("taken up by hand: %s", s.State)
	}
	if _, err := a.Poll(t.Context(), a.self()); err == nil {
		t.Error("a session that is down polls")
	} else {
		refused(t, err, control.CodeUnavailable, "the session is admin-down: only one that is up can poll")
	}
	a.signal(packet.DiagNone)
	waitUp(t, a, b)
	rows.CoversOn(t, rows.Wire, "5880-6.8.16-05")

	a.signal(packet.DiagForwardingReset)
	b.sees("the peer hears of the reset", func(s control.Session) bool { return s.RemoteDiagnostic == "forwarding-reset" })
	waitUp(t, a, b)
	if s := a.session(); s.Counters.Down < 2 {
		t.Errorf("the reset took nothing down: %+v", s.Counters)
	}
	rows.CoversOn(t, rows.Wire, "5880-6.8.15-01")

	// A failure beyond the peer's view changes no state.
	before := b.session().Counters
	for _, d := range []packet.Diag{packet.DiagConcatPathDown, packet.DiagReverseConcat, packet.DiagNone} {
		if s := a.signal(d); s.State != "up" || s.Diagnostic != d.String() {
			t.Errorf("%v: %s, %s", d, s.State, s.Diagnostic)
		}
		b.sees("the peer hears of "+d.String(), func(s control.Session) bool { return s.RemoteDiagnostic == d.String() })
	}
	if s := b.session(); s.State != "up" || s.Counters.Down != before.Down || s.Diagnostic == "concatenated-path-down" {
		t.Errorf("at the peer: %+v", s)
	}
	rows.CoversOn(t, rows.Wire, "5880-6.8.17-01")
	if n := strings.Count(a.log.String(), `msg="diagnostic signalled"`); n != 6 {
		t.Errorf("%d lines in the log\n%s", n, &a.log)
	}
}

// TestDemandLive: Demand mode is turned on while the session runs, silences the
// peer, is polled by itself and on command, and is turned off again.
func TestDemandLive(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	waitUp(t, a, b)
	a.set(control.SessionChange{Demand: ptr(true), DemandPoll: ptr(uint32(0))})
	s := a.sees("demand is active", func(s control.Session) bool { return s.Demand.LocalActive && s.Poll == "none" })
	if s.Demand.Mode != "on" || s.Demand.RemoteActive || s.Demand.Bound != 0 || s.Demand.PollInterval != 0 {
		t.Errorf("%+v", s.Demand)
	}
	b.sees("the peer honours it", func(s control.Session) bool { return s.Demand.RemoteActive && s.Demand.Mode == "off" })
	testnet.Eventually(t, 10*time.Second, "the peer is silent", func() bool { // its Finals have died away
		before := b.session().Counters.Tx
		time.Sleep(10 * interval)
		return b.session().Counters.Tx == before
	})
	rx := a.session().Counters.Rx
	if _, err := a.Poll(t.Context(), a.self()); err != nil {
		t.Fatal(err)
	}
	a.sees("the peer answers a poll", func(s control.Session) bool { return s.Counters.Rx > rx && s.Poll == "none" })

	s = a.set(control.SessionChange{DemandPoll: ptr(uint32(100_000))})
	if s.Demand.Bound < 100_000 {
		t.Errorf("bound %d us", s.Demand.Bound)
	}
	a.set(control.SessionChange{Demand: ptr(false)})
	b.sees("the peer speaks again", func(s control.Session) bool { return !s.Demand.RemoteActive })
	for _, e := range []*end{a, b} {
		if s := e.session(); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("%s, %+v\n%s", s.State, s.Counters, &e.log)
		}
	}
	_, err := a.Change(t.Context(), a.self(), control.SessionChange{Demand: ptr(true), Echo: ptr(true)})
	refused(t, err, control.CodeInvalid, "does not go with demand-mode")
}

// TestMultihopLive: a multihop session beside the single-hop one of the same
// addresses, made by the API, which a reload of the file leaves alone.
func TestMultihopLive(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	waitUp(t, a, b)
	far := func(e *end) control.Target { return control.Target{X: e.peer.String(), Multihop: ptr(true)} }
	for _, e := range []*end{a, b} {
		local := e.session().Local
		spec := control.SessionSpec{Peer: e.peer, Local: local, Multihop: true}
		spec.DesiredMinTx, spec.RequiredMinRx, spec.MinTTL = ptr(uint32(50_000)), ptr(uint32(50_000)), ptr(uint8(250))
		s, err := e.Add(t.Context(), spec)
		if err != nil || !s.Multihop || s.MinTTL != 250 || s.Owner != "api" {
			t.Fatalf("%+v, %v", s, err)
		}
		_, err = e.Add(t.Context(), spec)
		refused(t, err, control.CodeExists, "there is a session with peer")
	}
	for _, e := range []*end{a, b} {
		testnet.Eventually(t, 10*time.Second, "multihop is up", func() bool {
			s, err := e.Session(t.Context(), far(e))
			return err == nil && s.State == "up"
		})
	}
	s, err := a.Change(t.Context(), far(a), control.SessionChange{MinTTL: ptr(uint8(255))})
	if err != nil || s.MinTTL != 255 {
		t.Errorf("change: %+v, %v", s, err)
	}
	if _, err := a.Session(t.Context(), control.Target{X: a.peer.String()}); err == nil {
		t.Error("one of two sessions was chosen")
	} else {
		refused(t, err, control.CodeAmbiguous, "2 sessions with peer 192.0.2.2")
	}
	if report, err := a.reload(", dscp: 46"); err != nil || report.Changed != 1 || report.Removed != 0 {
		t.Errorf("reload: %+v, %v", report, err)
	}
	if s := a.session(); s.DSCP != 46 || s.Counters.Down != 0 {
		t.Errorf("the file's: %+v", s)
	}
	if s, err := a.Session(t.Context(), far(a)); err != nil || s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("the API's: %+v, %v", s, err)
	}
	if err := a.Delete(t.Context(), far(a)); err != nil {
		t.Error(err)
	}
}

// TestHoldDownLive: a session is kept from coming up, and let go again.
func TestHoldDownLive(t *testing.T) {
	t.Parallel()
	a, b := two(t, ", hold-down: true", "")
	b.sees("the peer is waiting for us", func(s control.Session) bool { return s.State == "init" })
	a.set(control.SessionChange{RequiredMinRx: ptr(uint32(0))})
	b.sees("the peer is asked for silence", func(s control.Session) bool { return s.RemoteRequiredMinRx == 0 && s.NegotiatedTx == 0 })
	if s := a.session(); s.State != "down" || !s.HoldDown || s.RequiredMinRx != 0 || s.Counters.Up != 0 {
		t.Errorf("%+v", s)
	}
	a.set(control.SessionChange{HoldDown: ptr(false), RequiredMinRx: ptr(uint32(50_000))})
	waitUp(t, a, b)
	a.set(control.SessionChange{HoldDown: ptr(true)})
	b.sees("the peer is down", func(s control.Session) bool { return s.State != "up" })
	rows.CoversOn(t, rows.Wire, "5880-FSM-19", "5880-6.8.18-02")
}

// TestAlone: a peer that is watched by unaffiliated echo has no other session.
func TestAlone(t *testing.T) {
	t.Parallel()
	a, _ := two(t, "", "")
	spec := control.SessionSpec{Peer: a.peer, Unaffiliated: true}
	_, err := a.Add(t.Context(), spec)
	refused(t, err, control.CodeExists, "unaffiliated echo allows a peer no other one (RFC 9747 §4)")

	spec.Peer = netip.MustParseAddr("192.0.2.77")
	s, err := a.Add(t.Context(), spec)
	if err != nil || !s.Unaffiliated {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err = a.Add(t.Context(), control.SessionSpec{Peer: spec.Peer, Interface: "eth0"})
	refused(t, err, control.CodeExists, "unaffiliated echo allows a peer no other one (RFC 9747 §4)")
	_, err = a.Signal(t.Context(), control.Target{X: spec.Peer.String()}, packet.DiagConcatPathDown)
	refused(t, err, control.CodeInvalid, "nobody to tell of concatenated-path-down")
	_, err = a.Poll(t.Context(), control.Target{X: spec.Peer.String()})
	refused(t, err, control.CodeInvalid, "nobody to answer a poll")
	if err := a.Delete(t.Context(), control.Target{X: spec.Peer.String()}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(t.Context(), control.SessionSpec{Peer: spec.Peer, Interface: "eth0"}); err != nil {
		t.Errorf("after it is gone: %v", err)
	}
	rows.CoversOn(t, rows.Wire, "9747-4-01")
}

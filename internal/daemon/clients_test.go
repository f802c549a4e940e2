package daemon

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

func (e *end) client(name string, c control.ClientSpec) control.Session {
	e.t.Helper()
	s, err := e.SetClient(e.t.Context(), e.self(), name, c)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func names(s control.Session) (list []string) {
	for _, c := range s.Clients {
		list = append(list, c.Name)
	}
	return list
}

// seenBy returns how the session looks to one of its clients.
func (e *end) seenBy(name string) control.SessionClient {
	e.t.Helper()
	for _, c := range e.session().Clients {
		if c.Name == name {
			return c
		}
	}
	e.t.Fatalf("no client %q", name)
	return control.SessionClient{}
}

// told waits until a client has heard what want says: clients hear of a change a
// moment after it.
func (e *end) told(name, what string, want func(c control.SessionClient) bool) {
	e.t.Helper()
	testnet.Eventually(e.t, 5*time.Second, name+" "+what, func() bool { return want(e.seenBy(name)) })
}

// TestSharedSession: several clients of one path share a session, which is what
// the strictest of them asks for and lives as long as the last of them.
func TestSharedSession(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	waitUp(t, a, b)
	id := a.session().LocalDiscriminator

	fast := control.ClientSpec{}
	fast.DesiredMinTx = ptr(uint32(20_000))
	s := a.client("ospfd", fast)
	if diff := cmp.Diff([]string{"file", "ospfd"}, names(s)); diff != "" || s.Owner != "file" || s.LocalDiscriminator != id || s.DesiredMinTx != 20_000 {
		t.Errorf("%+v\n%s", s, diff)
	}
	slow := control.ClientSpec{}
	slow.DesiredMinTx = ptr(uint32(900_000))
	if s := a.client("pimd", slow); s.DesiredMinTx != 20_000 {
		t.Errorf("the slower client makes it %d us", s.DesiredMinTx)
	}
	demand := control.ClientSpec{}
	demand.Demand = ptr(true)
	_, err := a.SetClient(t.Context(), a.self(), "pimd", demand)
	refused(t, err, control.CodeConflict, "demand mode must be the same as")
	_, err = a.SetClient(t.Context(), a.self(), "file", slow)
	refused(t, err, control.CodeNotOwner, `the name "file" is xbfd's own`)

	// The operator is above all of them.
	a.set(control.SessionChange{Shutdown: ptr(true)})
	b.sees("the peer is told", func(s control.Session) bool { return s.RemoteState == "admin-down" })
	a.set(control.SessionChange{Shutdown: ptr(false)})
	waitUp(t, a, b)

	for _, more := range []string{", shutdown: true", ""} {
		if _, err := a.reload(more); err != nil {
			t.Fatal(err)
		}
		if s := a.session(); (s.State == "admin-down") != (more != "") {
			t.Errorf("with %q in the file: %s", more, s.State)
		}
	}
	waitUp(t, a, b)

	if err := a.DeleteClient(t.Context(), a.self(), "ospfd"); err != nil {
		t.Fatal(err)
	}
	if s := a.session(); s.DesiredMinTx != 50_000 {
		t.Errorf("after the fast one has left: %d us", s.DesiredMinTx)
	}
	refused(t, a.DeleteClient(t.Context(), a.self(), "ospfd"), control.CodeNotFound, `has no client "ospfd"`)
	refused(t, a.Delete(t.Context(), a.self()), control.CodeNotOwner, "belongs to the file")

	// Gone from the file, it is still pimd's.
	a.mu.Lock()
	a.source = "transport: udp\nshutdown-hold: 0s\n"
	a.mu.Unlock()
	if _, err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := a.session(); s.Owner != "pimd" || s.State != "up" || s.LocalDiscriminator != id || s.DesiredMinTx != 900_000 {
		t.Errorf("%+v", s)
	}
	refused(t, a.Delete(t.Context(), a.self()), control.CodeNotOwner, `belongs to its client "pimd"`)
	if err := a.DeleteClient(t.Context(), a.self(), "pimd"); err != nil {
		t.Fatal(err)
	}
	_, err = a.Session(t.Context(), a.self())
	refused(t, err, control.CodeNotFound, "no session with peer 192.0.2.2")
	rows.CoversOn(t, rows.Wire, "5882-2-01", "5882-4.4-01", "5882-2-03")
}

// TestHoldOff: a client with a hold-off is not told of an outage that is over in
// time, and is told of one that is not. The others are told at once.
func TestHoldOff(t *testing.T) {
	t.Parallel()
	a, b := two(t, ", hold-off: 30s", "")
	waitUp(t, a, b)
	a.client("at-once", control.ClientSpec{ClientFlags: control.ClientFlags{DependsOnlyOnBFD: true}})
	late := control.ClientSpec{}
	late.HoldOff = ptr(uint32(300_000))
	a.client("late", late)

	b.set(control.SessionChange{HoldDown: ptr(true)})
	// The peer's next packet moves it on to Init, which is no news to clients.
	down := func(ev control.Event) bool { return ev.Type == eventlog.Down }
	h := a.sees("the session is lost", func(s control.Session) bool { return slices.ContainsFunc(s.History, down) }).History
	lost := h[slices.IndexFunc(h, down)].Time
	failed := func(c control.SessionClient) bool { return c.State != "up" && c.Failed }
	works := func(c control.SessionClient) bool { return c.State == "up" && !c.Failed }
	a.told("at-once", "is told of the failure", failed)
	a.told("late", "is told of the long outage", failed)
	if after := time.Since(lost); after < 300*time.Millisecond {
		t.Errorf("told after %v, want 300 ms", after)
	}
	if c := a.seenBy("file"); c.State != "up" || c.Failed || c.HoldOff != 30_000_000 {
		t.Errorf("within its hold-off: %+v", c)
	}
	b.set(control.SessionChange{HoldDown: ptr(false)})
	waitUp(t, a, b)
	for _, name := range []string{"file", "at-once", "late"} {
		a.told(name, "is told of the end", works)
	}
	rows.CoversOn(t, rows.Wire, "5882-3.1-01", "5882-3.1-02")

	// AdminDown is no failure, but to whoever has nothing else to go by.
	b.set(control.SessionChange{Shutdown: ptr(true)})
	a.sees("the peer is shut down", func(s control.Session) bool { return s.State == "down" })
	a.told("at-once", "depends on BFD alone", func(c control.SessionClient) bool { return c.Administrative && c.Failed && c.AdjacencyAllowed })
	a.told("late", "does not", func(c control.SessionClient) bool { return c.Administrative && !c.Failed && c.AdjacencyAllowed })
	rows.CoversOn(t, rows.Wire, "5882-3.2-02", "5882-4.1-01")
}

// TestPeersAdminDownAlone: a peer that is heard to be in AdminDown while the session here
// is down already is no change of state, and its clients hear of it all the same: one
// that has lost the session may form its adjacency without BFD.
func TestPeersAdminDownAlone(t *testing.T) {
	t.Parallel()
	left, right, bridge := testnet.NewNS(t, "a"), testnet.NewNS(t, "b"), testnet.NewBridge(t)
	bridge.Join(t, left, "eth0")
	bridge.Join(t, right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	a := startEnd(t, left, "udp", "192.0.2.1", "192.0.2.2", ", detect-multiplier: 20")
	b := startEnd(t, right, "udp", "192.0.2.2", "192.0.2.1", ", detect-multiplier: 20")
	waitUp(t, a, b)
	a.client("ospfd", control.ClientSpec{})
	bridge.Cut(t, right, "eth0")
	lost := a.sees("the session is lost", func(s control.Session) bool { return s.State == "down" })
	a.told("ospfd", "is told of the failure", func(c control.SessionClient) bool { return c.Failed && !c.Administrative && !c.AdjacencyAllowed })
	b.set(control.SessionChange{Shutdown: ptr(true)})
	bridge.Restore(t, right, "eth0")
	a.told("ospfd", "is told of AdminDown", func(c control.SessionClient) bool { return c.Administrative && c.AdjacencyAllowed })
	if s := a.session(); s.State != "down" || s.Counters.Down != lost.Counters.Down || s.LastChange.Cause != "control-expiry" {
		t.Errorf("the state was to stay: %s, %+v", s.State, s.LastChange)
	}
	b.set(control.SessionChange{Shutdown: ptr(false)})
	waitUp(t, a, b)
	a.told("ospfd", "is told of the end", func(c control.SessionClient) bool { return !c.Administrative && !c.Failed && c.State == "up" })
	rows.CoversOn(t, rows.Wire, "5882-4.2-01")
}

package daemon

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// planed returns a daemon that is the data plane of some bfdd, and its peer, which
// has a session with its second address too.
func planed(t *testing.T, dplane string, makers ...func(ns *testnet.NS) *bfdd) (a, b *end, list []*bfdd) {
	t.Helper()
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, left, "eth0", right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	left.AddAddr(t, "eth0", "192.0.2.3/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	for _, m := range makers {
		list = append(list, m(left))
	}
	b = startEnd(t, right, "udp", "192.0.2.2", "192.0.2.1",
		fmt.Sprintf("\n  - {peer: 192.0.2.3, local-address: 192.0.2.2, transmit-interval: %v, receive-interval: %[1]v, detect-multiplier: %d}", interval, patient))
	a = startEnd(t, left, "udp", "192.0.2.1", "192.0.2.2", "\ndplane: ["+dplane+"]\n")
	return a, b, list
}

// of returns the session with the second address, as either end has it.
func (e *end) of(second string) control.Session {
	e.t.Helper()
	list, err := e.Sessions(e.t.Context(), control.Filter{})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, s := range list {
		if s.Peer.String() == second || s.Local.String() == second {
			return s
		}
	}
	return control.Session{}
}

func (e *end) plane(n int) control.DataPlane {
	e.t.Helper()
	st, err := e.Status(e.t.Context())
	if err != nil || n >= len(st.DataPlanes) {
		e.t.Fatalf("%+v, %v", st.DataPlanes, err)
	}
	return st.DataPlanes[n]
}

const second = "192.0.2.3"

// TestDataPlane takes a session through its life with bfdd, over each kind of
// address and either way of connecting.
func TestDataPlane(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		connect bool
		address func(dir string) string
	}{
		{true, func(dir string) string { return "unix:" + filepath.Join(dir, "s") }},
		{false, func(dir string) string { return "unix:" + filepath.Join(dir, "s") }},
		{true, func(string) string { return "ipv4:127.0.0.1:50700" }},
		{false, func(string) string { return "ipv4:127.0.0.1:50701" }},
		{true, func(string) string { return "ipv6:[::1]:50702" }},
		{false, func(string) string { return "ipv6:[::1]:50703" }},
	} {
		address := c.address(t.TempDir())
		verb := map[bool]string{true: "connect", false: "listen"}[c.connect]
		t.Run(verb+" "+address[:4], func(t *testing.T) {
			t.Parallel()
			a, b, all := planed(t, fmt.Sprintf("{%s: %q, hold: 20s}", verb, address),
				func(ns *testnet.NS) *bfdd { return newBFDD(t, ns, c.connect, address) })
			f := all[0]
			f.meet()
			f.lives(a, b)
			f.returns(a, b)
			if p := a.plane(0); p.Mode != verb || p.Address != address || p.Client != planeOwner+address || !p.Connected || p.Connections != 2 ||
				p.Sessions != 1 || p.Refused != 0 || p.Unclaimed != 0 || p.In.Bytes == 0 || p.Out.Messages == 0 || p.FD < 0 {
				t.Errorf("%+v", p)
			}
		})
	}
}

// lives: added, up, changed by a Poll, counted, shut down and deleted.
func (f *bfdd) lives(a, b *end) {
	t := f.t
	f.add(asked(77))
	f.state(77, 1)
	// The peer may have said what it wants by then, or says so in its first Poll.
	f.next("up, with the peer's timers", func(m *bfddp.Message) bool {
		s := m.State
		return m.Type == bfddp.StateChange && s.State == 3 && s.RID != 0 && s.DesiredTx == 50_000 && s.RequiredRx == 50_000 && s.DetectMult == patient
	})
	s := asked(77)
	s.MinTx, s.Flags = 100_000, bfddp.CBit
	f.add(s)
	testnet.Eventually(t, 5*time.Second, "the peer hears of another interval", func() bool {
		s := b.of(second)
		return s.RemoteDesiredMinTx == 100_000 && s.Poll == "none"
	})
	f.send(bfddp.Message{Type: bfddp.RequestCounters, ID: 5, LID: 77})
	c := f.next("counters", func(m *bfddp.Message) bool { return m.Type == bfddp.SessionCounters && m.ID == 5 }).Counters
	if c.LID != 77 || c.Control.InPackets == 0 || c.Control.OutPackets == 0 || c.Control.InBytes != 24*c.Control.InPackets {
		t.Errorf("%+v", c)
	}
	f.send(bfddp.Message{Type: bfddp.RequestCounters, ID: 6, LID: 78})
	f.next("an answer about nothing", func(m *bfddp.Message) bool { return m.ID == 6 && m.Counters.LID == 78 })
	f.send(bfddp.Message{Type: bfddp.EchoRequest, Times: bfddp.Times{BFDD: 9}})
	f.next("an echo", func(m *bfddp.Message) bool {
		return m.Type == bfddp.EchoReply && m.Times.BFDD == 9 && m.Times.DataPlane > 0
	})
	if down := b.of(second).Counters.Down; down != 0 {
		t.Errorf("it went down %d times", down)
	}
	s.Flags = bfddp.Shutdown
	f.add(s)
	f.state(77, 0)
	testnet.Eventually(t, 5*time.Second, "the peer hears AdminDown", func() bool { return b.of(second).RemoteState == "admin-down" })
	s.Flags = 0
	f.add(s)
	f.state(77, 3)
	// bgpd has a session made anew once it knows where the peer is: it is the same.
	discr, downs := a.of(second).LocalDiscriminator, b.of(second).Counters.Down
	f.send(bfddp.Message{Type: bfddp.DeleteSession, Session: s})
	s.LID, s.Ifname, s.Ifindex = 78, "eth0", 2
	f.add(s)
	if m := f.next("an answer", func(m *bfddp.Message) bool { return m.Type == bfddp.StateChange && m.State.LID == 78 }); m.State.State != 3 {
		t.Errorf("%+v", m.State)
	}
	time.Sleep(1200 * time.Millisecond) // longer than a deleted session stays
	if s := b.of(second); a.of(second).LocalDiscriminator != discr || s.State != "up" || s.Counters.Down != downs {
		t.Errorf("%s, down %d times and before %d", s.State, s.Counters.Down, downs)
	}
	f.send(bfddp.Message{Type: bfddp.DeleteSession, Session: s})
	testnet.Eventually(t, 5*time.Second, "it is gone", func() bool { return a.of(second).LocalDiscriminator == 0 })
}

// returns: what bfdd sends wrongly is counted, and neither that nor its end and
// another beginning are seen by the peer.
func (f *bfdd) returns(a, b *end) {
	t := f.t
	f.add(asked(80))
	f.state(80, 3)
	downs := b.of(second).Counters.Down
	f.send(bfddp.Message{Type: bfddp.DeleteSession, Session: asked(81)})
	f.send(bfddp.Message{Type: bfddp.StateChange})
	odd := (&bfddp.Message{Type: bfddp.RequestCounters}).Append(nil)
	odd[3] = 99
	f.write(odd)
	whole := (&bfddp.Message{Type: bfddp.AddSession, Session: asked(80)}).Append(nil)
	f.write(whole[:100])
	_ = f.conn.Close()
	want := map[string]uint64{"unknown-session": 1, "unexpected": 1, "malformed": 1, "half-message": 1}
	testnet.Eventually(t, 5*time.Second, "all counted", func() bool { return cmp.Equal(want, a.plane(0).Errors) })
	f.meet()
	f.add(asked(90)) // bfdd was started again
	if m := f.next("an answer", func(m *bfddp.Message) bool { return m.Type == bfddp.StateChange }); m.State.LID != 90 || m.State.State != 3 || m.State.RID == 0 {
		t.Errorf("it is told first: %+v", m.State)
	}
	if s := b.of(second); s.Counters.Down != downs || s.State != "up" {
		t.Errorf("the peer: %s, down %d times and before %d", s.State, s.Counters.Down, downs)
	}
}

// TestSharedDataPlanes: two bfdd and the file have one session, which is what the
// strictest of them asks for; each lets go of its own part alone.
func TestSharedDataPlanes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	addresses := []string{"unix:" + filepath.Join(dir, "1"), "unix:" + filepath.Join(dir, "2")}
	newOne := func(n int) func(ns *testnet.NS) *bfdd {
		return func(ns *testnet.NS) *bfdd { return newBFDD(t, ns, true, addresses[n]) }
	}
	a, b, all := planed(t, fmt.Sprintf("{connect: %q, hold: 1s}, {connect: %q, hold: 0}", addresses[0], addresses[1]), newOne(0), newOne(1))
	waitUp(t, a)
	shared := asked(1)
	shared.Src = netip.MustParseAddr("0.0.0.0") // the file names it; the route says the same
	for n, f := range all {
		f.meet()
		shared.MinTx = uint32(40_000 - 20_000*n)
		shared.LID = uint32(n + 1)
		f.add(shared)
		f.state(shared.LID, 3)
	}
	ofFile := func() control.Session { return a.of("192.0.2.1") }
	owners := func() []string { return names(ofFile()) }
	want := []string{"file", planeOwner + addresses[0], planeOwner + addresses[1]}
	if diff := cmp.Diff(want, owners()); diff != "" || ofFile().DesiredMinTx != 20_000 {
		t.Errorf("%d us\n%s", ofFile().DesiredMinTx, diff)
	}
	_, err := a.SetClient(t.Context(), a.self(), planeOwner+"x", control.ClientSpec{})
	refused(t, err, control.CodeNotOwner, "is xbfd's own")
	err = a.DeleteClient(t.Context(), a.self(), planeOwner+"x")
	refused(t, err, control.CodeNotOwner, "is xbfd's own")

	bad := asked(9)
	bad.DetectMult = 0
	all[0].add(bad)
	if s := all[0].state(9, 1); s.RID != 0 {
		t.Errorf("of a session that was refused: %+v", s)
	}
	if p := a.plane(0); p.Refused != 1 || p.Errors["refused"] != 1 {
		t.Errorf("%+v", p)
	}
	// A message of version 2 ends the connection, and no hold the session.
	v2 := (&bfddp.Message{Type: bfddp.EchoRequest}).Append(nil)
	v2[0] = 2
	all[1].write(v2)
	testnet.Eventually(t, 5*time.Second, "let go at once", func() bool { return len(owners()) == 2 && ofFile().DesiredMinTx == 40_000 })
	if p := a.plane(1); p.Errors["version"] != 1 || p.Sessions != 0 {
		t.Errorf("%+v", p)
	}
	all[0].add(asked(5))
	all[0].state(5, 3)
	_ = all[0].listener.Close()
	_ = all[0].conn.Close()
	testnet.Eventually(t, 5*time.Second, "let go after the hold", func() bool {
		return slices.Equal(owners(), want[:1]) && a.of(second).LocalDiscriminator == 0 && ofFile().DesiredMinTx == 50_000
	})
	if s := b.session(); s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("the peer's: %s after %+v", s.State, s.Counters)
	}
}

// TestFileNamesSessionOfBFDD: an entry of the file that comes later and means a session
// of bfdd's in other words is one more owner of it, and the strictest wins; what goes
// again leaves the rest as it was. Another local address is another session.
func TestFileNamesSessionOfBFDD(t *testing.T) {
	t.Parallel()
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	a, b, all := planed(t, fmt.Sprintf("{connect: %q, hold: 20s}", address), func(ns *testnet.NS) *bfdd { return newBFDD(t, ns, true, address) })
	waitUp(t, a)
	all[0].meet()
	all[0].add(asked(7))
	all[0].state(7, 3)
	before := a.of(second)
	reload := func(more string) {
		t.Helper()
		a.mu.Lock()
		a.source = a.file("192.0.2.1", more)
		a.mu.Unlock()
		if _, err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	owner := planeOwner + address
	for _, c := range []struct {
		entry string
		want  []string
		tx    uint32
	}{
		{"\n  - {peer: 192.0.2.2, local-address: 192.0.2.3, interface: eth0, transmit-interval: 20ms}", []string{owner, "file"}, 20_000},
		{"", []string{owner}, 50_000},
		{"\n  - {peer: 192.0.2.2, local-address: 192.0.2.3, transmit-interval: 30ms}", []string{owner, "file"}, 30_000},
		{"\nroutes: [{prefix: 198.51.100.0/24, via: [{gateway: 192.0.2.2, local-address: 192.0.2.3, interface: eth0}]}]", []string{owner, "routes"}, 50_000},
	} {
		reload(c.entry)
		s := a.of(second)
		if diff := cmp.Diff(c.want, names(s)); diff != "" || s.LocalDiscriminator != before.LocalDiscriminator || s.DesiredMinTx != c.tx {
			t.Errorf("%s: %d us, discriminator %d, was %d\n%s", c.entry, s.DesiredMinTx, s.LocalDiscriminator, before.LocalDiscriminator, diff)
		}
		if list, err := a.Sessions(t.Context(), control.Filter{}); err != nil || len(list) != 2 {
			t.Errorf("%s: %d sessions, %v", c.entry, len(list), err)
		}
	}
	if r, err := a.Routes(t.Context()); err != nil || r[0].State != "installed" || r[0].Members[0].Session.Discr != before.LocalDiscriminator {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := a.Add(t.Context(), control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.2"), Local: netip.MustParseAddr(second)}); err == nil {
		t.Error("the API has made another one")
	}
	all[0].send(bfddp.Message{Type: bfddp.DeleteSession, Session: asked(7)})
	testnet.Eventually(t, 5*time.Second, "bfdd has let go", func() bool { return slices.Equal(names(a.of(second)), []string{"routes"}) })
	if s := b.of(second); s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("the peer's: %s, down %d times", s.State, s.Counters.Down)
	}
	reload("")
	testnet.Eventually(t, 5*time.Second, "nobody wants it", func() bool { return a.of(second).LocalDiscriminator == 0 })
}

package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/sim"
	"github.com/xbfd/xbfd/packet"
)

// A thousand sessions in virtual time, configured by files as the daemon is.
const (
	direct  = 900 // sessions over a single hop, with profile p
	distant = 100 // multihop sessions, with profile m
)

// crowd is one end of them.
type crowd struct {
	t        *testing.T
	host     *sim.Host
	end      byte // 1 or 2
	waits    bool // with another authentication, until the peer has it: one end has to begin
	book     clients.Book
	sessions map[config.Key]uint32
	cfg      config.Config
}

// file has a profile with these settings for the direct sessions, and those of
// them that far ones can have for these.
func (c *crowd) file(p, m string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "echo-source: {interface: lo}\nkeys: [{id: 1, type: keyed-sha1, secret: a}]\nprofiles: {p: {%s}, m: {%s}}\npeers:\n", p, m)
	for i := range direct + distant {
		kind := "interface: eth0, profile: p"
		if i >= direct {
			kind = "multihop: true, profile: m"
		}
		fmt.Fprintf(&b, "  - {peer: %s, local-address: %s, %s}\n", at(i, 3-c.end), at(i, c.end), kind)
	}
	return b.String()
}

func at(i int, end byte) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), end}) }

// reads makes the sessions be as a file says, as a reload does, and returns how
// many changed.
func (c *crowd) reads(source string) (changes int) {
	c.t.Helper()
	next, err := config.Parse([]byte(source), "x")
	if err != nil {
		c.t.Fatal(err)
	}
	added, removed, changed := config.Diff(c.cfg.Peers, next.Peers)
	if len(removed) != 0 {
		c.t.Fatalf("%d sessions go", len(removed))
	}
	c.cfg = next
	for _, p := range append(added, changed...) {
		w := want{owner: ownerFile, peer: &p}
		change, err := c.book.Register(path(p), ownerFile, w.wish())
		if err != nil {
			c.t.Fatal(err)
		}
		if discr, runs := c.sessions[p.Key()]; runs {
			c.carry(discr, change)
		} else {
			c.sessions[p.Key()] = c.create(p, change.Spec)
		}
	}
	return len(changed)
}

func (c *crowd) create(p config.Peer, s engine.Spec) uint32 {
	discr, err := c.host.Engine.Add(s)
	if err == nil {
		macs := []packet.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}
		err = c.host.Engine.SetPath(discr, engine.Path{
			Ifindex: 1, Local: packet.AddrFrom(p.Local), Peer: packet.AddrFrom(p.Peer), MACKnown: true,
			LocalMAC: macs[c.end-1], PeerMAC: macs[2-c.end], EchoSource: packet.AddrFrom(netip.MustParseAddr("198.51.100.1")),
		})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return discr
}

// carry is Daemon.carry without a kernel.
func (c *crowd) carry(discr uint32, change clients.Change) {
	was, is, e := change.Was, change.Spec, c.host.Engine
	var err error
	if was.Params != is.Params {
		err = e.Configure(discr, is.Params)
	}
	if err == nil && was.DSCP != is.DSCP {
		err = e.SetDSCP(discr, is.DSCP)
	}
	if err == nil && (was.MinTTL != is.MinTTL || was.Strict != is.Strict) {
		err = e.SetChecks(discr, is.MinTTL, is.Strict)
	}
	if err == nil && was.Auth != is.Auth {
		err = e.SetAuth(discr, is.Auth, c.waits)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// steady fails unless every session is up and never was down, no Poll goes on,
// and nothing waits.
func (c *crowd) steady(when string) {
	c.t.Helper()
	bad := 0
	for key, discr := range c.sessions {
		st, ok := c.host.Status(discr)
		if !ok || st.State != packet.Up || st.Counters.Up != 1 || st.Counters.Down != 0 || st.Polling || st.PollQueued || st.Auth.Armed {
			if bad++; bad < 4 {
				c.t.Errorf("%s: end %d with %v: %v, %+v, polling %v, auth %+v", when, c.end, key.Peer, st.State, st.Counters, st.Polling, st.Auth)
			}
		}
	}
	if bad > 0 {
		c.t.Fatalf("%s: %d of %d sessions are not as they were", when, bad, len(c.sessions))
	}
}

// Each setting that has no business with the state of a session is changed for a
// thousand that are up, one after the other by another file, and taken back by the
// next. No session flaps, at either end.
func TestNoChangeFlaps(t *testing.T) {
	w := sim.NewWorld(1)
	link := w.NewLink("link", sim.Conditions{Delay: 100 * sim.Microsecond})
	a := &crowd{t: t, host: w.NewHost("a", 1), end: 1, waits: true, sessions: map[config.Key]uint32{}}
	b := &crowd{t: t, host: w.NewHost("b", 1), end: 2, sessions: map[config.Key]uint32{}}
	a.host.Plug(1, link.There, link.Back)
	b.host.Plug(1, link.Back, link.There)
	for _, c := range []*crowd{a, b} {
		c.host.SetKey(1, packet.AuthMethod{Type: packet.AuthKeyedSHA1}, "a")
		c.reads(c.file("", ""))
	}
	w.Run(8 * sim.Second)
	a.steady("before")
	b.steady("before")
	for _, s := range []struct {
		p, m string // settings of the two profiles
		both bool   // the peers change, too, a moment later
	}{
		{p: "transmit-interval: 1s", m: "transmit-interval: 1s"},
		{p: "transmit-interval: 100ms", m: "transmit-interval: 100ms"},
		{p: "receive-interval: 1s", m: "receive-interval: 1s"},
		{p: "receive-interval: 100ms", m: "receive-interval: 100ms"},
		{p: "detect-multiplier: 255", m: "detect-multiplier: 255"},
		{p: "detect-multiplier: 2", m: "detect-multiplier: 2"},
		{p: "passive-mode: true", m: "passive-mode: true"},
		{p: "dscp: 0", m: "dscp: 0"},
		{p: "hold-off: 1s", m: "hold-off: 1s"},
		{p: "congestion-ceiling: 2s", m: "congestion-ceiling: 2s"},
		{p: "demand-mode: true", m: "demand-mode: true"},
		{p: "demand-mode: true, demand-poll-interval: 2s", m: "demand-mode: true, demand-poll-interval: 0"},
		{p: "strict-interface: true", m: "minimum-ttl: 255"},
		{p: "echo-receive-interval: disabled", m: "minimum-ttl: 1"},
		{p: "echo-receive-interval: 100ms", m: "dscp: 63"},
		{p: "echo-mode: true, echo-transmit-interval: 500ms", m: "dscp: 62"},
		{p: "echo-mode: true, echo-transmit-interval: 250ms", m: "dscp: 61"},
		{p: "transmit-interval: 1s, receive-interval: 1s, detect-multiplier: 5, dscp: 1", m: "transmit-interval: 1s, receive-interval: 1s, detect-multiplier: 5, dscp: 1"},
		{p: "auth: {key: 1}", m: "auth: {key: 1, bfd-key-id: 7}", both: true},
		{both: true},
	} {
		when := s.p + "; " + s.m
		if n := a.reads(a.file(s.p, s.m)); n != direct+distant {
			t.Fatalf("%s: %d sessions change", when, n)
		}
		w.Run(sim.Second)
		if s.both {
			b.reads(b.file(s.p, s.m))
		}
		w.Run(2 * sim.Second)
		a.steady(when)
		b.steady(when)
	}
	rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-14")
}

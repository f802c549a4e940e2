package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
)

// TestUpAndHold brings up one session of each family, over every transport
// there is on a veth, and watches them stay up at both ends.
func TestUpAndHold(t *testing.T) {
	for _, c := range []struct{ asked, transport, stamp string }{
		{"auto", "xdp-native", "xdp"},
		{"xdp-generic", "xdp-generic", "xdp"},
		{"udp", "udp", "socket"},
	} {
		t.Run(c.asked, func(t *testing.T) {
			withEach(t, func(t *testing.T, startPeer starter) {
				a, b := newLink(t)
				d := upInAllFamilies(t, a, b, startPeer, c.asked)
				for _, s := range d.sessions(t) {
					if s.Transport != c.transport || s.Stamp != c.stamp {
						t.Errorf("session with %s runs over %s (%s), stamps by %s", s.Peer, s.Transport, s.TransportReason, s.Stamp)
					}
				}
			})
		})
	}
}

func upInAllFamilies(t *testing.T, a, b *host, startPeer starter, transport string) *daemon {
	t.Helper()
	wire := newTap(t, b)
	peer := startPeer(t, b, speech{
		sessions: []pairing{{local: b.v4, peer: a.v4}, {local: b.v6, peer: a.v6}, {local: b.ll, peer: a.ll, ifname: b.ifname}},
		interval: 50 * time.Millisecond, mult: mult,
	})
	d := start(t, a, fmt.Sprintf(`
transport: %s
profiles: {fast: {transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d}}
peers:
  - {peer: %s, profile: fast}
  - {peer: "%s", local-address: "%s", profile: fast}
  - {peer: "%s", interface: %s, profile: fast}
`, transport, mult, b.v4, b.v6, a.v6, b.ll, a.ifname))
	d.waitUp(t)
	waitPeerUp(t, peer, 3)
	eventually(t, patience, "many packets each way", func() bool {
		return !slices.ContainsFunc(d.sessions(t), func(s control.Session) bool {
			return s.Counters.Tx < 2*mult || s.Counters.Rx+s.Counters.RxHeard < 2*mult
		})
	})
	for _, s := range d.sessions(t) {
		if s.State != "up" || s.Counters.Down != 0 || s.Counters.Up != 1 {
			t.Errorf("session with %s is %s after %+v", s.Peer, s.State, s.Counters)
		}
		if s.NegotiatedTx != 50_000 || s.DetectionTime != mult*50_000 || s.Poll != "none" || s.RemoteState != "up" {
			t.Errorf("session with %s: %+v", s.Peer, s)
		}
		if n := s.Counters; n.TxFailed != 0 || len(n.RxDiscarded) != 0 {
			t.Errorf("session with %s counts %+v", s.Peer, n)
		}
	}
	for _, p := range []netip.Addr{a.v4, a.v6, a.ll} {
		if v := peer.views(t)[p]; !v.up || v.failures != 0 {
			t.Errorf("peer's session with %s: %+v", p, v)
		}
	}
	for _, s := range wire.all(0) {
		if !s.out && s.drop != 0 {
			t.Errorf("xbfd sent %v", s)
		}
	}
	rows.Covers(t, "5880-FSM-02", "5880-FSM-07", "5880-FSM-12", "5880-6.8.1-05", "5880-6.8.6-09", "5880-6.8.7-11",
		"5880-6.8.7-12", "5880-6.8.7-13", "5880-6.8.7-14", "5880-4.1-03", "5881-2-02", "5881-4-07", "5881-6-07",
		"ENV-UDP-03", "ENV-L2-04", "5880-6.1-05")
	return d
}

// TestManySessions runs fifty sessions with one peer.
func TestManySessions(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		const count = 50
		a, b := newLink(t)
		wire := newTap(t, b)
		s := speech{interval: 100 * time.Millisecond, mult: mult}
		config := fmt.Sprintf("profiles: {fast: {transmit-interval: 100ms, receive-interval: 100ms, detect-multiplier: %d}}\npeers:\n", mult)
		for _, p := range crowd(t, a, b, count) {
			s.sessions = append(s.sessions, p)
			config += fmt.Sprintf("  - {peer: %s, local-address: %s, profile: fast}\n", p.local, p.peer)
		}
		peer := startPeer(t, b, s)
		d := start(t, a, config)
		d.waitUp(t)
		waitPeerUp(t, peer, count)
		time.Sleep(2 * mult * s.interval)
		for _, s := range d.sessions(t) {
			if s.State != "up" || s.Counters.Down != 0 || s.Transport != "xdp-native" {
				t.Errorf("session with %s is %s over %s after %+v", s.Peer, s.State, s.Transport, s.Counters)
			}
		}
		for p, v := range peer.views(t) {
			if !v.up || v.failures != 0 {
				t.Errorf("peer's session with %s: %+v", p, v)
			}
		}
		discrs, ports := make(map[uint32]int), make(map[uint16]int)
		for _, s := range wire.all(0) {
			if !s.out && s.MyDiscr != 0 {
				discrs[s.MyDiscr]++
				ports[s.srcPort]++
			}
		}
		if len(discrs) != count || len(ports) != count {
			t.Errorf("%d discriminators and %d source ports on the link, want %d", len(discrs), len(ports), count)
		}
		rows.Covers(t, "5880-6.3-01", "5880-6.3-06", "5881-4-04")
	})
}

// TestSessionsCommand reads the sessions as a person at a shell does, and wants
// the same as the API says.
func TestSessionsCommand(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
	r := xbfd(t, a, "sessions", "-o", "json", "--control", d.control)
	var got []control.Session
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 {
		t.Fatalf("status %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	moving := cmpopts.IgnoreFields(control.Session{}, "Counters", "UptimeSeconds", "StateSeconds", "LastRx", "Transport", "TransportReason")
	if diff := cmp.Diff(d.sessions(t), got, moving, sameAddr); diff != "" {
		t.Errorf("API (-) and command (+) differ:\n%s", diff)
	}
	if r := xbfd(t, a, "sessions", "--control", d.control+".none"); r.code != 3 {
		t.Errorf("without a daemon: status %d, %s", r.code, r.stderr)
	}
}

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
)

// settings are those that have no business with the state of a session, each with
// what the session shows of it.
var settings = []struct {
	text string
	has  func(s control.Session) bool
}{
	{"transmit-interval: 120ms", func(s control.Session) bool { return s.DesiredMinTx == 120_000 && s.NegotiatedTx == 120_000 }},
	{"receive-interval: 150ms", func(s control.Session) bool { return s.RequiredMinRx == 150_000 && s.DetectionTime == mult*150_000 }},
	{"detect-multiplier: 25", func(s control.Session) bool { return s.DetectMult == 25 }},
	{"passive-mode: true", func(s control.Session) bool { return s.Role == "passive" }},
	{"dscp: 46", func(s control.Session) bool { return s.DSCP == 46 }},
	{"hold-off: 1s", func(s control.Session) bool { return s.Clients[0].HoldOff == 1_000_000 }},
	{"strict-interface: true", func(s control.Session) bool { return s.Strict }},
	{"congestion-ceiling: 1s", func(s control.Session) bool { return s.Ceiling == 1_000_000 }},
	{"echo-receive-interval: disabled", func(s control.Session) bool { return s.Echo.RxInterval == 0 }},
	{"echo-receive-interval: 20ms", func(s control.Session) bool { return s.Echo.RxInterval == 20_000 }},
	{"echo-mode: true", func(s control.Session) bool { return s.Echo.TxInterval == 50_000 }},
	{"echo-mode: true, echo-transmit-interval: 80ms", func(s control.Session) bool { return s.Echo.TxInterval == 80_000 }},
	{"demand-mode: true", func(s control.Session) bool { return s.Demand.Mode == "on" }},
	{"demand-mode: true, demand-poll-interval: 3s", func(s control.Session) bool { return s.Demand.PollInterval == 3_000_000 }},
	{"auth: {key: 1}", func(s control.Session) bool { return s.Auth != nil && s.Auth.Pending != nil }},
}

// TestNoSettingFlaps changes each setting of a session with another make of BFD
// while it is up, by the session's own value and by its profile, and takes it back.
func TestNoSettingFlaps(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		file := func(profile, own string) string {
			return fmt.Sprintf("shutdown-hold: 0s\necho-source: {address: 10.10.10.2}\nkeys: [{id: 1, type: keyed-sha1, secret: a}]\n"+
				"profiles:\n  other: {%s}\n"+
				"peers:\n  - {peer: %s, local-address: %s, %s}\n", profile, b.v4, a.v4, own)
		}
		plain := fmt.Sprintf("transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d", mult)
		d := start(t, a, file(plain, "profile: other"))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)
		for _, s := range settings {
			for how, changed := range map[string]string{
				"own":     file(plain, "profile: other, "+s.text),
				"profile": file(merged(plain, s.text), "profile: other"),
			} {
				must(t, d.reload(t, changed))
				eventually(t, patience, s.text+" ("+how+") is in force", func() bool { return s.has(d.session(t, b.v4)) })
				settled(t, d, b)
				must(t, d.reload(t, file(plain, "profile: other")))
				settled(t, d, b)
				if got := d.session(t, b.v4); s.has(got) || got.State != "up" || got.Counters.Up != 1 || got.Counters.Down != 0 {
					t.Fatalf("%s (%s), taken back: %s, counters %+v", s.text, how, got.State, got.Counters)
				}
			}
		}
		if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the peer shows %+v", v)
		}
		rows.Covers(t, "5880-6.8.3-01", "5880-6.8.3-02", "5880-6.8.3-14")
	})
}

// merged returns settings with one of them, or a new one, as text says: no key may
// stand twice.
func merged(settings, text string) string {
	key, _, _ := strings.Cut(text, ":")
	kept := []string{text}
	for one := range strings.SplitSeq(settings, ", ") {
		if !strings.HasPrefix(one, key+":") {
			kept = append(kept, one)
		}
	}
	return strings.Join(kept, ", ")
}

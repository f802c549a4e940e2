package daemon

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// reads makes the daemon read a whole file.
func (e *end) reads(source string) control.ReloadReport {
	e.t.Helper()
	e.mu.Lock()
	e.source = source
	e.mu.Unlock()
	r, err := e.Reload(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func changes(r control.ReloadReport) (list []string) {
	for _, c := range r.Changes {
		list = append(list, strings.TrimSpace(fmt.Sprint(c.What, " ", c.Peer, " ", strings.Join(c.Fields, " "))))
	}
	return list
}

// Sessions follow their profiles, those of the API too, from the moment there is
// such a profile; what was chosen for a session itself stays.
func TestProfilesAreFollowed(t *testing.T) {
	testnet.RequireRoot(t)
	a, b := two(t, ", profile: p", "")
	waitUp(t, a, b)
	ctx := t.Context()
	own, err := a.Add(ctx, control.SessionSpec{
		Peer: netip.MustParseAddr("192.0.2.9"), Profile: "p",
		SessionChange: control.SessionChange{DetectMult: ptr(uint8(7))},
	})
	if err != nil || own.DSCP != 48 {
		t.Fatalf("%+v, %v", own, err)
	}
	if _, err := a.Change(ctx, control.Target{X: "192.0.2.9"}, control.SessionChange{Passive: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	file := a.file("192.0.2.1", ", profile: p") + "profiles: {p: {dscp: 10, detect-multiplier: 9, passive-mode: false, receive-interval: 20ms}}\n"
	r := a.reads(file)
	want := []string{"changed 192.0.2.2 dscp", "changed 192.0.2.9 receive-interval dscp"}
	if diff := cmp.Diff(want, changes(r)); diff != "" || r.Changed != 2 || len(r.Settings) != 1 || r.Settings[0] != "profile p" {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
	if s := a.session(); s.DSCP != 10 || s.DetectMult != patient || s.Counters.Down != 0 {
		t.Errorf("the file's: %+v", s)
	}
	s, err := a.Session(ctx, control.Target{X: "192.0.2.9"})
	if err != nil || s.DSCP != 10 || s.DetectMult != 7 || s.RequiredMinRx != 20_000 || s.Role != "passive" {
		t.Errorf("the API's: %+v, %v", s, err)
	}
	rows.Covers(t, "9468-3-01") // the role is shown
	if r = a.reads(file); len(r.Changes)+len(r.Settings) != 0 || r.Unchanged != 1 {
		t.Errorf("the same again: %+v", r)
	}
	// A profile that does not suit a session leaves it as it was.
	if _, err := a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.10"), Profile: "far"}); err != nil {
		t.Fatal(err)
	}
	r = a.reads(strings.Replace(file, "{p: {", "{far: {minimum-ttl: 9}, p: {", 1))
	if len(r.Changes) != 0 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], `peer 192.0.2.10: stays as it was, its profile "far" does not suit it`) {
		t.Errorf("%+v", r)
	}
}

// What runs can be asked for, changed and given back, all of it or nothing, and
// the next reload ends that.
func TestConfig(t *testing.T) {
	testnet.RequireRoot(t)
	const key = "\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}]\n"
	a, b := two(t, key, "")
	waitUp(t, a, b)
	ctx := t.Context()
	if _, err := a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.9"), Auth: &control.AuthSpec{Key: ptr(uint32(1))}}); err != nil {
		t.Fatal(err)
	}
	a.set(control.SessionChange{DSCP: ptr(uint8(12))})
	doc, err := a.Config(ctx)
	if err != nil || strings.Contains(string(doc), marker) {
		t.Fatalf("%s, %v", doc, err)
	}
	var shown config.Document
	if err := json.Unmarshal(doc, &shown); err != nil {
		// An auth of none is a word where others are objects; here there is none.
		t.Fatal(err)
	}
	if len(shown.Peers) != 2 || *shown.Peers[0].DSCP != 12 || shown.Peers[1].Auth == nil || len(shown.Keys) != 1 {
		t.Errorf("shown: %s", doc)
	}
	r, err := a.SetConfig(ctx, doc)
	if err != nil || len(r.RestartNeeded) != 0 {
		t.Fatalf("given back: %+v, %v", r, err)
	}
	again, err := a.Config(ctx)
	if diff := cmp.Diff(string(doc), string(again)); diff != "" || err != nil {
		t.Errorf("%v (-shown +given back):\n%s", err, diff)
	}
	// Wrong in one place: nothing changes, whatever else it says.
	bad := strings.Replace(string(doc), `"dscp":12`, `"dscp":64`, 1)
	_, err = a.SetConfig(ctx, []byte(bad))
	refused(t, err, control.CodeInvalid, "64 does not fit the six bits")
	if _, err = a.SetConfig(ctx, []byte(strings.Replace(string(doc), `"***"`, `"other"`, 1))); err == nil {
		t.Error("a key in use was changed")
	}
	if s := a.session(); s.DSCP != 12 || s.DetectMult != patient {
		t.Errorf("after refusals: %+v", s)
	}
	a.reads(a.file("192.0.2.1", key))
	list, err := a.Sessions(ctx, control.Filter{})
	if err != nil || len(list) != 1 || list[0].DSCP != 48 || list[0].Counters.Down != 0 || list[0].State != "up" {
		t.Errorf("after a reload: %+v, %v", list, err)
	}
}

// The log changes its level and format by a reload, and topics are switched on
// and off by themselves.
func TestLogWhileRunning(t *testing.T) {
	testnet.RequireRoot(t)
	a, _ := two(t, "", "")
	lines := func(text string) int { return strings.Count(a.log.String(), text) }
	a.set(control.SessionChange{DSCP: ptr(uint8(1))})
	if n := lines("session configured"); n != 0 {
		t.Errorf("%d lines at level info", n)
	}
	on, off := true, false
	if d, err := a.SetDebug(t.Context(), control.DebugChange{Peer: &on}); err != nil || !d.Peer || d.Network || d.Events {
		t.Errorf("%+v, %v", d, err)
	}
	a.set(control.SessionChange{DSCP: ptr(uint8(2))})
	if d, err := a.SetDebug(t.Context(), control.DebugChange{Peer: &off, Network: &on}); err != nil || d.Peer || !d.Network {
		t.Errorf("%+v, %v", d, err)
	}
	a.set(control.SessionChange{DSCP: ptr(uint8(3))})
	if n := lines("session configured"); n != 1 {
		t.Errorf("%d lines with one change in debug", n)
	}
	if _, err := a.Add(t.Context(), control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.8")}); err != nil {
		t.Fatal(err)
	}
	testnet.Eventually(t, 5*time.Second, "a path is told", func() bool { return lines("msg=path") > 0 })
	r := a.reads(a.file("192.0.2.1", "\nlog: {level: debug, format: json}\n"))
	if diff := cmp.Diff([]string{"log"}, r.Settings, cmpopts.EquateEmpty()); diff != "" || len(r.RestartNeeded) != 0 {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
	a.set(control.SessionChange{DSCP: ptr(uint8(4))})
	if n := lines(`"msg":"session configured"`); n == 0 {
		t.Errorf("no line in JSON at level debug:\n%s", a.log.String())
	}
}

// What other clients of a session rule out, or another session does, is refused
// before anything of the rest has changed.
func TestReloadIsAllOrNothing(t *testing.T) {
	testnet.RequireRoot(t)
	a, b := two(t, "", "")
	waitUp(t, a, b)
	ctx := t.Context()
	if _, err := a.SetClient(ctx, a.self(), "ospfd", control.ClientSpec{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.9")}); err != nil {
		t.Fatal(err)
	}
	before, err := a.Config(ctx)
	if err != nil {
		t.Fatal(err)
	}
	file := a.file("192.0.2.1", "")
	for name, c := range map[string]struct {
		file string
		code control.Code
	}{
		"a client minds":  {strings.Replace(file, "interface: eth0", "interface: eth0, demand-mode: true", 1), control.CodeConflict},
		"a session minds": {file + "echo-source: {interface: eth0}\n", control.CodeExists},
	} {
		if c.code == control.CodeExists {
			c.file = strings.Replace(c.file, "peers:\n", "peers:\n  - {peer: 192.0.2.9, unaffiliated-echo: true, local-address: 192.0.2.1}\n", 1)
		}
		c.file = strings.Replace(c.file, "peers:\n", "log: {level: debug}\npeers:\n  - {peer: 192.0.2.50, interface: eth0}\n", 1)
		a.mu.Lock()
		a.source = c.file
		a.mu.Unlock()
		_, err := a.Reload(ctx)
		refused(t, err, c.code, "")
		if after, err := a.Config(ctx); err != nil || string(after) != string(before) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(string(before), string(after)))
		}
	}
	if s := a.session(); s.State != "up" || s.Counters.Down != 0 || len(s.Clients) != 2 {
		t.Errorf("%s, %+v", s.State, s.Clients)
	}
}

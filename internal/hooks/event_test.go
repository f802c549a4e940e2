package hooks

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/rows"
)

// Only the failure of a session that was Up is one.
func TestWords(t *testing.T) {
	for what, want := range map[string]string{
		"up": "up", "down": "down", "admin-down": "admin-down", "peer-admin": "admin-down", "init-down": "changed",
		"deleted": "deleted", "created": "created", "lost": "",
	} {
		if got := event(what, 1).word(); got != want {
			t.Errorf("%s is told as %q, want %q", what, got, want)
		}
	}
	for _, typ := range client.EventTypes {
		ev := Event{Event: client.Event{Type: typ, From: "up"}}
		if w := ev.word(); !slices.Contains(config.HookEvents, w) {
			t.Errorf("an event of type %s is told as %q, which no hook can ask for", typ, w)
		}
	}
	rows.Covers(t, "5882-3.2-01", "5882-3.3-01", "5882-4.2-01", "5882-5-01")
}

func TestWhatACommandGets(t *testing.T) {
	h := parse(t, `hooks: [{on: down, name: n, run: [/bin/x, "{peer}", "{state}-{from}-{to}", "{local}%{interface}", "{}{x y}{", "{event} {diagnostic} {cause} {vrf} {seq} {discriminator} {hook} {time}"]}]`)[0]
	want := []string{"/bin/x", "192.0.2.1", "down-up-down", "192.0.2.254%eth0", "{}{x y}{",
		"down control-expiry control-expiry default 7 1 n 2026-02-03T04:05:06Z"}
	if diff := cmp.Diff(want, event("down", 1).arguments(&h)); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	env := event("down", 1).environment(&h)
	for _, name := range config.HookPlaceholders {
		if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "XBFD_"+strings.ToUpper(name)+"=") }) {
			t.Errorf("the environment has no %s: %v", name, env)
		}
	}
	if len(env) != len(config.HookPlaceholders)+2 || !slices.Contains(env, "XBFD_PEER=192.0.2.1") {
		t.Errorf("environment %v", env)
	}
	// What an event has of the network is not looked at as a placeholder again.
	ev := event("down", 1)
	ev.Session.Interface = "{peer}"
	if got := ev.arguments(&h)[3]; got != "192.0.2.254%{peer}" {
		t.Errorf("argument %q", got)
	}
	if got := event("created", 0).arguments(&h)[1]; got != "" {
		t.Errorf("peer of no session is %q", got)
	}
	var back client.Event
	body := event("down", 1).body()
	if err := json.Unmarshal(body, &back); err != nil || back.Session.Peer != ev.Session.Peer || strings.Count(string(body), "\n") != 1 {
		t.Errorf("body %s: %v", body, err)
	}
}

package interop

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// TestVRFCommands has sessions with one peer in three VRFs, of which two do not exist:
// each is its own to the file, the commands, FRR's words and events, and those that
// wait disturb nobody.
func TestVRFCommands(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	other := start(t, b, oneSession(a, 100*time.Millisecond, ""))
	d := start(t, a, oneSession(b, 100*time.Millisecond, "")+"  - {peer: 192.0.2.2, vrf: red, interface: a}\n")
	peer := b.v4.String()
	d.do(t, "session", "add", "--peer-addr", peer, "--vrf", "blue")
	other.waitUp(t)
	in := func(vrf string) control.Session {
		t.Helper()
		var list []control.Session
		must(t, json.Unmarshal([]byte(d.do(t, "sessions", "--vrf", vrf, "-o", "json")), &list))
		if len(list) != 1 || list[0].VRF != vrf {
			t.Fatalf("VRF %s: %+v", vrf, list)
		}
		return list[0]
	}
	for vrf, reason := range map[string]string{"default": "", "red": "VRF red does not exist", "blue": "VRF blue does not exist"} {
		s := in(vrf)
		if up := s.State == "up"; up != (reason == "") || !up && !strings.Contains(s.Path, reason) {
			t.Errorf("VRF %s: %s, %s", vrf, s.State, s.Path)
		}
	}
	if r := d.ctl(t, "session", "show", peer); r.code != 1 || !strings.Contains(r.stderr, "name one by interface, local, vrf,") ||
		!strings.Contains(r.stderr, "interface a, VRF red") {
		t.Errorf("which one: status %d: %s", r.code, r.stderr)
	}
	if text := d.do(t, "session", "show", peer, "--vrf", "red"); !strings.Contains(text, "(VRF red)") {
		t.Errorf("show: %s", text)
	}
	for vrf, status := range map[string]string{"default": "up", "red": "down", "blue": "down", "green": ""} {
		var list []struct{ Peer, VRF, Status string }
		must(t, json.Unmarshal([]byte(d.do(t, "frr", "show", "bfd", "vrf", vrf, "peers", "json")), &list))
		if vrf == "green" && len(list) == 0 {
			continue
		}
		if len(list) != 1 || list[0].VRF != vrf || list[0].Status != status {
			t.Errorf("frr show bfd vrf %s: %+v", vrf, list)
		}
	}
	if text := d.do(t, "frr", "show", "bfd", "peer", peer, "vrf", "blue"); !strings.Contains(text, "vrf blue") {
		t.Errorf("frr show bfd peer: %s", text)
	}
	d.do(t, "session", "del", peer, "--vrf", "blue")
	if text := d.do(t, "events", "--since", "0", "--follow=false", "--type", "deleted", "-o", "json"); !strings.Contains(text, `"vrf":"blue"`) {
		t.Errorf("events: %s", text)
	}
	must(t, d.reload(t, oneSession(b, 100*time.Millisecond, "")))
	if list := d.sessions(t); len(list) != 1 || list[0].VRF != "default" || list[0].State != "up" || list[0].Counters.Down != 0 {
		t.Errorf("in the end: %+v", list)
	}
}

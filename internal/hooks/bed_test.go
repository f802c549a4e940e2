package hooks

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// parse returns the hooks of a file.
func parse(t testing.TB, source string) []config.Hook {
	t.Helper()
	cfg, err := config.Parse([]byte(source), "x")
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Hooks
}

// begin is when virtual time begins.
var begin = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

var types = map[string]client.Event{
	"up":         {Type: "session-up", From: "init", To: "up", Diagnostic: "none", Cause: &client.Cause{Kind: "up"}},
	"down":       {Type: "session-down", From: "up", To: "down", Diagnostic: "control-expiry", Cause: &client.Cause{Kind: "control-expiry"}},
	"admin-down": {Type: "admin-down", From: "up", To: "admin-down", Diagnostic: "admin-down", Cause: &client.Cause{Kind: "admin-down"}},
	"peer-admin": {Type: "session-down", From: "up", To: "down", Diagnostic: "neighbor-down", Cause: &client.Cause{Kind: "remote-admin-down"}},
	"init-down":  {Type: "session-down", From: "init", To: "down", Diagnostic: "control-expiry", Cause: &client.Cause{Kind: "control-expiry"}},
	"deleted":    {Type: "deleted", Cause: &client.Cause{Kind: "removed"}},
	"created":    {Type: "created", Cause: &client.Cause{Kind: "asked-for"}},
	"lost":       {Type: "lost"},
}

// event returns an event of the session with 192.0.2.PEER, whose discriminator is
// that number too. Peer 0 is no session.
func event(what string, peer int) *Event {
	ev := &Event{Event: types[what], Profile: "fast"}
	ev.Seq, ev.Time = 7, begin
	if peer != 0 {
		ev.Session = &client.EventSession{
			Peer: netip.AddrFrom4([4]byte{192, 0, byte(2 + peer>>8), byte(peer)}), Local: netip.MustParseAddr("192.0.2.254"),
			Interface: "eth0", VRF: "default", Discr: uint32(peer),
		}
	}
	return ev
}

package main

import (
	"path/filepath"
	"testing"

	"github.com/xbfd/xbfd/internal/control/controltest"
)

// TestCompleteNames: Tab after a session's command shows the peers there are, with
// the discriminator where one has two sessions, and nothing without a daemon.
func TestCompleteNames(t *testing.T) {
	const peers = "192.0.2.1\tup on eth0\n2001:db8::1\tup on eth0\n14\tfe80::1, up on eth0\n13\tfe80::1, down on eth1\n:4\n"
	const keys = "1\tkeyed-sha1 of the file, 0 uses\n:4\n"
	b := backend()
	b.AddKey(1, "keyed-sha1")
	socket := controltest.Serve(t, b)
	for line, want := range map[string]string{
		`session show ""`:            peers,
		`session auth activate ""`:   peers,
		`session diag ""`:            peers,
		`sessions --peer ""`:         peers,
		`session set --peer-addr ""`: peers,
		`session diag 192.0.2.1 ""`:  "forwarding-reset\npath-down\nconcatenated-path-down\nreverse-concatenated-path-down\nnone\n:4\n",
		`session show 192.0.2.1 ""`:  ":4\n",

		`sessions --profile ""`:                    "fast\n:4\n",
		`session add --profile ""`:                 "fast\n:4\n",
		`session auth activate 1 --conf-key-id ""`: keys,
		`key del ""`:                               keys,
		`key del 1 ""`:                             ":4\n",
		`debug peer ""`:                            "on\noff\n:4\n",
	} {
		if r := xbfd(env{}, "__complete --control "+socket+" "+line); r.status != exitDone || r.out != want {
			t.Errorf("%s: %+v, want\n%s", line, r, want)
		}
	}
	none := filepath.Join(t.TempDir(), "none.sock")
	for _, line := range []string{`session show ""`, `key del ""`, `sessions --profile ""`, `session add --conf-key-id ""`} {
		if r := xbfd(env{}, `__complete --control `+none+" "+line); r.status != exitDone || r.out != ":4\n" {
			t.Errorf("%s without a daemon: %+v", line, r)
		}
	}
}

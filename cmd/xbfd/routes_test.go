package main

import (
	"testing"

	"github.com/xbfd/xbfd/internal/control"
)

func TestReason(t *testing.T) {
	for want, r := range map[string]control.Route{
		"":                                {},
		"no; tried 2 times, next in 1.5s": {Reason: "no", Tries: 2, RetryIn: 1_500_000},
		"its group is not there":          {Reason: "its group is not there"}, // nothing of its own was tried
		"held back for another 3s":        {Members: []control.RouteMember{{}, {HoldLeft: 3_000_000}}},
		"left by a former process; its sessions are not up yet": {Adopted: true},
	} {
		if got := reason(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

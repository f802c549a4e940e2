package main

import (
	"testing"

	"github.com/xbfd/xbfd/internal/control/controltest"
)

func TestEvents(t *testing.T) {
	b := backend()
	b.Happened = controltest.Events()
	golden(t, "events", transcript(t, b,
		"events",
		"events --since 0 --follow=false",
		"events --since 100 --follow=false --type session-down,changed -o json",
		"events --since 0 --follow=false --interface eth9",
		"events --follow=false",
		"events --since yesterday",
		"events --type up",
		"events -o yaml",
		"events now",
	))
}

func TestFailedSession(t *testing.T) {
	b := controltest.New(controltest.Failed(11, "192.0.2.1", "192.0.2.9", "eth0"))
	golden(t, "failed", transcript(t, b, "session show 192.0.2.1", "session show 11 -o json"))
}

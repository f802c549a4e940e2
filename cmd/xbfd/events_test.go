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

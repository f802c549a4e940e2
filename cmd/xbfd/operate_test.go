package main

import (
	"testing"

	"github.com/xbfd/xbfd/internal/control/controltest"
)

// troubled is a Backend whose sessions differ in what one sorts by.
func troubled() *controltest.Backend {
	low := int64(-250)
	a := controltest.Up(21, "192.0.2.1", "192.0.2.9", "eth1")
	a.Profile, a.Counters.Down, a.UptimeSeconds = "fast", 2, 10
	b := controltest.Up(22, "192.0.2.2", "192.0.2.9", "eth0")
	b.State, b.UptimeSeconds, b.Counters.Down, b.DetectionTime = "down", 0, 7, 150_000
	b.Profile, b.Margin.Min = "later", &low
	c := controltest.Up(23, "192.0.2.3", "192.0.2.9", "eth0")
	c.VRF, c.Owner, c.Margin.Min, c.UptimeSeconds = "blue", "api", nil, 90_000
	return controltest.New(a, b, c)
}

func TestOperate(t *testing.T) {
	golden(t, "operate", transcript(t, troubled(),
		"sessions --brief",
		"sessions --brief --sort interface",
		"sessions --brief --sort state",
		"sessions --brief --sort uptime",
		"sessions --brief --sort downs",
		"sessions --brief --sort margin",
		"sessions --brief --sort detect",
		"sessions --brief --sort profile",
		"sessions --brief --profile fast",
		"sessions --brief --owner api",
		"sessions --brief --vrf blue",
		"sessions --brief --profile fast --owner api",
		"sessions --brief -o wide",
		"sessions --sort age",
		"profile list",
		"profile list -o wide",
		"profile list -o json",
		"profile",
		"profile show fast",
		"counters",
		"counters -o yaml",
		"session clear 22",
		"session clear 192.0.2.9",
		"session clear",
		"counters --clear",
		"counters",
		"counters now",
	))
}

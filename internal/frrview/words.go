package frrview

import (
	"fmt"

	"github.com/xbfd/xbfd/client"
)

// status is the word of a session's state in everything but the brief list, where
// FRR uses RFC 5880's names, which are ours too.
func status(state string) string {
	if state == "admin-down" {
		return "shutdown"
	}
	return state
}

// diagnostics are FRR's words for the codes of RFC 5880 §4.1.
var diagnostics = map[string]string{
	"none":                           "ok",
	"control-expiry":                 "control detection time expired",
	"echo-failed":                    "echo function failed",
	"neighbor-down":                  "neighbor signaled session down",
	"forwarding-reset":               "forwarding plane reset",
	"path-down":                      "path down",
	"concatenated-path-down":         "concatenated path down",
	"admin-down":                     "administratively down",
	"reverse-concatenated-path-down": "reverse concatenated path down",
}

func diagnostic(name string) string {
	if words, ok := diagnostics[name]; ok {
		return words
	}
	return "unknown"
}

// age is a time in seconds as FRR spells it out: months have 30 days and years 12
// months.
func age(seconds uint64) string {
	const minute, hour, day, month = 60, 60 * 60, 24 * 60 * 60, 30 * 24 * 60 * 60
	text := ""
	for _, unit := range []struct {
		seconds uint64
		name    string
	}{{12 * month, "year"}, {month, "month"}, {day, "day"}, {hour, "hour"}, {minute, "minute"}} {
		if seconds >= unit.seconds {
			text += fmt.Sprintf("%d %s(s), ", seconds/unit.seconds, unit.name)
			seconds %= unit.seconds
		}
	}
	return text + fmt.Sprintf("%d second(s)", seconds)
}

// ms is an interval in FRR's unit.
func ms(us uint32) uint32 { return us / 1000 }

// interval is one in words; 0 is none at all.
func interval(us uint32) string {
	if us == 0 {
		return "disabled"
	}
	return fmt.Sprintf("%dms", ms(us))
}

// kind says whether an operator made the session or a program.
func kind(s *client.Session) string {
	if s.Owner == "file" || s.Owner == "api" {
		return "configured"
	}
	return "dynamic"
}

// received counts the Control packets that were accepted, by whom ever.
func received(s *client.Session) uint64 { return s.Counters.Rx + s.Counters.RxHeard }

// sent counts the Control packets that went out, those included that the kernel
// sent in the worker's place.
func sent(s *client.Session) uint64 { return s.Counters.Tx + s.Counters.Insurance }

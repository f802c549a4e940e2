package doctor

import "fmt"

// Verdicts of a check, from good to bad.
const (
	OK   = "ok"   // as it should be, or of no matter here
	Warn = "warn" // works, but not as well as it could
	Fail = "fail" // keeps xbfd from doing what it is asked to
)

// Finding is what one check says, about one interface or the host.
type Finding struct {
	Check     string `json:"check"`
	Interface string `json:"interface"` // empty: the host as a whole
	Verdict   string `json:"verdict"`   // ok, warn or fail
	Text      string `json:"text"`      // one sentence, with the remedy if there is something to remedy
}

// Report is what all checks say.
type Report struct {
	Findings []Finding `json:"findings"`
	Wakeups  *Wakeups  `json:"wakeups"` // null when they were not measured
}

// Fails counts the findings that are Fail.
func (r Report) Fails() (n int) {
	for _, f := range r.Findings {
		if f.Verdict == Fail {
			n++
		}
	}
	return n
}

// checks are in the order in which people should read them.
var checks = []func(*Host) []Finding{
	visibility, kernel, btf, capabilities, afXDP, bpfCalls, lockedMemory,
	xdp, lowers, vlanTags, queues, attached, ingress,
	daemons, firewall, echoPath,
	throttling, groupRealTime, quota, idle, timerSlack,
	neighbours, neighbourTable, receiveBuffers,
	wakeups,
}

// Examine runs every check on h.
func Examine(h *Host) Report {
	r := Report{Wakeups: h.Wakeups}
	for _, check := range checks {
		r.Findings = append(r.Findings, check(h)...)
	}
	return r
}

// say makes the one finding of a check on the host.
func say(check, verdict, format string, args ...any) []Finding {
	return []Finding{{Check: check, Verdict: verdict, Text: fmt.Sprintf(format, args...)}}
}

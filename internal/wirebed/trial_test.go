package wirebed

import (
	"fmt"
	"testing"
	"time"
)

// A trial is one run of a test's script. On a machine with other work a frame or
// a thread may be held up, so what was measured is repeated before it is
// believed; what was said is not: a wrong packet is a fault at once.
type trial struct {
	*testing.T
	faults []string // of the protocol: once is enough
	early  []string // something came too soon
	late   []string // something came too late, or the test bed did
}

const (
	maxTrials = 4
	// A frame whose sending the host held up makes the next gap look short.
	// That this happens in two trials is no accident any more.
	maxEarly = 2
)

// given ends a trial from inside of its script.
type given struct{}

// Errorf notes a fault of the protocol.
func (r *trial) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// Fatalf notes a fault and ends the trial.
func (r *trial) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(given{})
}

func (r *trial) tooEarly(format string, args ...any) {
	r.early = append(r.early, fmt.Sprintf(format, args...))
}

// tooLate ends the trial: what comes after it would prove nothing.
func (r *trial) tooLate(format string, args ...any) {
	r.slow(format, args...)
	panic(given{})
}

// slow makes the trial one that does not count.
func (r *trial) slow(format string, args ...any) {
	r.late = append(r.late, fmt.Sprintf(format, args...))
}

// repeat runs a script until a trial of it counts, and fails t by what that
// found, or when none did.
func repeat(t *testing.T, script func(r *trial)) {
	t.Helper()
	early := 0
	for n := 1; ; n++ {
		started := time.Now()
		r := &trial{T: t}
		r.attempt(script)
		if t.Failed() || t.Skipped() || len(r.late)+len(r.early)+len(r.faults) == 0 {
			return
		}
		if worst := worstSince(started); worst > 0 {
			r.slow("the machine stood still for %v", worst)
		} else if len(r.early) > 0 {
			early++
		}
		if len(r.late) == 0 && len(r.faults) > 0 || early == maxEarly || n == maxTrials {
			r.report()
			return
		}
		t.Logf("trial %d does not count: %v %v %v", n, r.late, r.early, r.faults)
		awaitCalm()
	}
}

func (r *trial) report() {
	r.Helper()
	for _, list := range [][]string{r.faults, r.early, r.late} {
		for _, what := range list {
			r.T.Error(what)
		}
	}
}

// attempt runs the script to its end, or to where the trial was given up.
func (r *trial) attempt(script func(r *trial)) {
	defer func() {
		if p := recover(); p != nil && p != any(given{}) {
			panic(p)
		}
	}()
	script(r)
}

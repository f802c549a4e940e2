package testnet

import (
	"testing"
	"time"
)

// busy is how much longer than alone things may take on a machine that runs other
// tests and other people's work as well.
const busy = 4

// Eventually polls cond and fails the test when it has not come true within the time
// that a quiet machine may take, and busy times that on any other. It returns how long
// it took. Between two calls it waits for a millisecond,
// and for twice as long as cond itself takes: one that asks a daemon for hundreds of
// sessions would else keep that daemon from what is waited for.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		asked := time.Now()
		if cond() {
			return time.Since(start)
		}
		if time.Since(start) > busy*within {
			t.Fatalf("not within %v: %s", busy*within, what)
		}
		time.Sleep(max(time.Millisecond, 2*time.Since(asked)))
	}
}

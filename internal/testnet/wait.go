package testnet

import (
	"testing"
	"time"
)

// Eventually polls cond every millisecond and fails the test when it has not
// come true within the time allowed. It returns how long that took.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !cond() {
		if time.Since(start) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

package testnet

import (
	"os"
	"testing"
)

// Require skips the test for reason unless ok, or fails it when XBFD_MUST_RUN
// is 1.
func Require(t testing.TB, ok bool, reason string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("XBFD_MUST_RUN") == "1" {
		t.Fatal("must run, but:", reason)
	}
	t.Skip(reason)
}

// RequireRoot skips the test, or fails it, unless it runs as root.
func RequireRoot(t testing.TB) {
	t.Helper()
	Require(t, os.Geteuid() == 0, "needs root for network namespaces")
}

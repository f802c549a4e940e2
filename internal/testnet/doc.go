// Package testnet gives tests network namespaces that go when the test goes,
// and says what a test may rely on: a test that needs root or a kernel feature
// is skipped with a reason where that is missing, but fails instead when the
// environment variable XBFD_MUST_RUN is 1, so that a machine meant to run
// everything cannot pass by skipping.
//
// Every helper fails the test itself; the networks are those of internal/netns.
package testnet

//go:build race

package speaker

// patience lengthens Detection Times where the race detector makes everything slow.
const patience = 4

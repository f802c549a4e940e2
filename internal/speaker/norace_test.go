//go:build !race

package speaker

const patience = 1

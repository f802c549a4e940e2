// Package matrix gathers what works on which kernel, driver and device: guests
// tell cells as their tests go, the host makes docs/kernels.md of them.
package matrix

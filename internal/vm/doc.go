// Package vm runs tests under other kernels than the host's: it fetches kernels of
// Debian's, packs them with compiled tests into an initial file system, boots that
// in QEMU, and gathers what the tests say.
//
//	kernel.go     which package, fetched and unpacked, never installed, by apt.go
//	modules.go    the modules that a guest needs, in the order of loading
//	image.go      the initial file system, by cpio.go
//	nics.go       pairs of network cards, joined back to back
//	qemu.go       the machine, by hardware or emulated
//	boot.go       one run of a guest, with a limit in time
//	guests.go     which guests there are, and what each runs
//	matrix        what works on which kernel, driver and device, and the tests of it
//	pid1          the guest's first process
//	guest         the tests of features that take a guest
//	devices       the interfaces that both kinds of tests run on
//
// Nothing outlives a run but the kernels, in a directory of the caller's: QEMU is
// killed with the process that started it.
package vm

// Package leftovers keeps account of what a process leaves in the kernel when it
// dies without a chance to tidy up: tc filters, the qdisc that holds them, features
// of devices that were switched off, and neighbour entries that the kernel was asked
// to keep.
//
// Each process has a Journal, a file in a directory that all share (/run/xbfd),
// and holds a lock beside it for as long as it lives. Something is noted before it
// is made and struck out when it is gone, so a journal without the lock lists what
// is left of a dead process. Sweep removes that: at the next start, and by
// `xbfd cleanup`. A Claim, in the same directory, is what only one process of a network
// namespace may have.
//
//	/run/xbfd/4242-18a3c0.json   what there is, replaced as a whole by each change
//	/run/xbfd/4242-18a3c0.lock   locked while process 4242 lives
package leftovers

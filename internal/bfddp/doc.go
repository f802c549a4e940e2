// Package bfddp is the protocol between FRR's bfdd and a data plane that runs its
// sessions ("distributed BFD"), version 1: messages as values, and their bytes.
//
// A message is a header of 8 bytes and a body of fixed size. All integers are big
// endian. The messages are C structures as the compiler lays them out, so
// StateChange ends with a byte of padding, and SessionCounters has four after its
// first field. The protocol knows no errors, no acknowledgement, no VRF and no
// authentication.
package bfddp

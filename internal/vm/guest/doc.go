// Package guest holds the tests that run in a virtual machine only, because they
// take drivers and devices that a host may lack: real drivers, VLAN devices, bonds,
// VRFs. They are behind the build tag vm; make test-vm compiles and boots them, and
// make test-vm ARGS="-suites guest -run TestX" one of them. What the matrix of
// kernels and drivers is made of is in package matrix, in tests of the same kind.
//
// Emulated processors are slow: intervals below 100 ms are not for guests.
package guest

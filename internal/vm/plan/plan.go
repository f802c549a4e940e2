// Package plan is what the host and the guest of a test in a virtual machine have
// to agree on: what the guest is to do, and the messages by which it tells.
package plan

// The guest finds the plan and its files in its initial file system, and the host
// by the name of a virtio-serial port.
const (
	File    = "/plan.json"
	Modules = "/modules/"  // kernel modules, not compressed
	Tests   = "/tests/"    // test binaries
	Port    = "xbfd"       // of virtio-serial: messages, one JSON value a line
	Console = "xbfd guest" // begins what the first process says on the console
)

// Cells is the file that cells of the matrix are left in.
const Cells = "cells"

// Environment variables of the tests.
const (
	CellsEnv   = "XBFD_CELLS"   // the file that matrix cells are appended to
	DriversEnv = "XBFD_DRIVERS" // drivers that the guest is to test
	RowsEnv    = "XBFD_ROWS"    // the directory that package rows records in
)

// Plan is what the guest's first process does, in this order; then it switches the
// guest off.
type Plan struct {
	Modules []Module
	Env     []string // of every test, NAME=value
	Tests   []Test
}

// Module is a kernel module to load. One that it depends on stands before it.
type Module struct {
	File   string // below Modules
	Params string // as insmod takes them
}

// Test is one run of a compiled test.
type Test struct {
	Name string // by which it is reported
	Args []string
}

// Path returns where the test is in the guest; go test names binaries so as well, and
// some tests look for their own name.
func (t Test) Path() string { return Tests + t.Name + ".test" }

// Message is one line that the guest sends. Exactly one of its parts is there.
type Message struct {
	Hello  *Hello  `json:",omitempty"` // first
	Output *Output `json:",omitempty"`
	Exit   *Exit   `json:",omitempty"`
	File   *Left   `json:",omitempty"`
	Done   bool    `json:",omitempty"` // last: everything ran to its end
}

// Hello says who runs.
type Hello struct {
	Kernel string   // as uname -r gives it
	Faults []string // what of the preparations failed
}

// Output is what a test printed.
type Output struct {
	Test string
	Text []byte
}

// Exit says that a test has ended; Error is "" if it passed.
type Exit struct{ Test, Error string }

// Left is a file that the tests have left behind, whole.
type Left struct {
	Name string
	Text []byte
}

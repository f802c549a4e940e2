package vm

import (
	"fmt"
	"io"
)

// archive writes files in the form that the kernel unpacks at its start: cpio's
// "newc", the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	w     io.Writer
	inode int
	err   error
}

// Types of files, as st_mode has them.
const (
	typeDir  = 0o040000
	typeFile = 0o100000
)

func (a *archive) dir(name string) { a.entry(name, typeDir|0o755, nil) }

func (a *archive) file(name string, data []byte) { a.entry(name, typeFile|0o755, data) }

// close writes the end and returns the first error of all.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode int, data []byte) {
	a.inode++
	// inode, mode, uid, gid, links, mtime, size, four of devices, name with its
	// zero byte, checksum
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.padded([]byte(head + name + "\x00"))
	a.padded(data)
}

// padded writes b and zeros up to a multiple of 4 bytes: headers and data begin at
// such.
func (a *archive) padded(b []byte) {
	for _, part := range [][]byte{b, make([]byte, -len(b)&3)} {
		if a.err == nil {
			_, a.err = a.w.Write(part)
		}
	}
}

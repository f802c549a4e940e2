package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrPortTaken says that another program has a UDP port of BFD's.
var ErrPortTaken = errors.New("port is taken by another program")

// PortTakenError is ErrPortTaken with what is known of the program.
type PortTakenError struct {
	Port int
	PID  int    // 0 when not known
	Name string // the program's command name, empty when not known
}

// Error names the owner by name and process id.
func (e *PortTakenError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("UDP port %d is taken by a program that cannot be seen from here", e.Port)
	}
	return fmt.Sprintf("UDP port %d is taken by %s (pid %d)", e.Port, e.Name, e.PID)
}

// Is makes errors.Is(err, ErrPortTaken) true.
func (e *PortTakenError) Is(target error) bool { return target == ErrPortTaken }

// portOwner looks for the program that has a UDP port in the calling thread's
// network namespace. An IPv6 socket may have taken the port of IPv4 as well.
func portOwner(port, family int) *PortTakenError {
	e := &PortTakenError{Port: port}
	tables := []string{"/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"}
	if family == unix.AF_INET6 {
		tables = tables[1:]
	}
	inodes := make(map[string]bool)
	for _, table := range tables {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		portInodes(f, port, inodes)
		f.Close()
	}
	if len(inodes) > 0 {
		e.PID = socketHolder(inodes)
	}
	if e.PID != 0 {
		comm, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(e.PID), "comm"))
		e.Name = strings.TrimSpace(string(comm))
	}
	return e
}

// portInodes adds the inodes of the sockets with the local port in a table in
// the format of /proc/net/udp: per line a number, local address:port, remote
// one, five more fields, and the inode.
func portInodes(table io.Reader, port int, inodes map[string]bool) {
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(table); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 9 && strings.HasSuffix(f[1], suffix) {
			inodes[f[9]] = true
		}
	}
}

// socketHolder returns a process that has one of the sockets open, another one
// than this rather than this, 0 if none is seen.
func socketHolder(inodes map[string]bool) (pid int) {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		inode, ok := strings.CutPrefix(target, "socket:[")
		if err != nil || !ok || !inodes[strings.TrimSuffix(inode, "]")] {
			continue
		}
		pid, _ = strconv.Atoi(strings.Split(fd, "/")[2])
		if pid != os.Getpid() {
			return pid
		}
	}
	return pid
}

package bpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
)

// ErrBusy says that an interface has an XDP program of someone else's.
var ErrBusy = errors.New("another XDP program is attached")

// BusyError is ErrBusy with what is known of the other program.
type BusyError struct {
	ID   uint32
	Mode string // "native", "generic" or "offload"; empty when it is in more than one
	Name string // empty when the kernel does not tell: it does to CAP_SYS_ADMIN
	Tag  string // of its instructions, in hex; empty with Name
	By   string // who holds it, as "name (pid 1)"; empty when nobody is seen to
}

// Error names the program, and who has it there.
func (e *BusyError) Error() string { return fmt.Sprintf("%v: %s", ErrBusy, e.Program()) }

// Is makes errors.Is(err, ErrBusy) true.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Program says for people which one it is.
func (e *BusyError) Program() string {
	var parts []string
	if e.Name != "" {
		parts = append(parts, strconv.Quote(e.Name))
	}
	if parts = append(parts, fmt.Sprintf("id %d", e.ID)); e.Name == "" {
		parts[0] += fmt.Sprintf(" (bpftool prog show id %d tells root its name)", e.ID)
	}
	if e.Tag != "" {
		parts = append(parts, "tag "+e.Tag)
	}
	if e.Mode != "" {
		parts = append(parts, e.Mode)
	}
	if e.By != "" {
		parts = append(parts, "held by "+e.By)
	}
	if e.Dispatcher() {
		parts = append(parts, "which is libxdp's dispatcher")
	}
	return strings.Join(parts, ", ")
}

// Dispatcher tells libxdp's, which runs the programs of others one after the other.
func (e *BusyError) Dispatcher() bool { return e.Name == "xdp_dispatcher" }

// Remedy says what makes room for a program of ours on an interface. A program that
// a link of somebody's holds goes with that alone, one that was set goes when
// another is, or none.
func (e *BusyError) Remedy(ifname string) string {
	if e.Dispatcher() {
		return fmt.Sprintf("unload what it runs (xdp-loader unload %s --all)", ifname)
	}
	if e.By != "" {
		return fmt.Sprintf("stop %s, or detach it (ip link set %s xdp off)", e.By, ifname)
	}
	return fmt.Sprintf("stop what has attached it, or detach it (ip link set %s xdp off)", ifname)
}

// attachModes are the kernel's XDP_ATTACHED_….
var attachModes = map[uint32]string{1: "native", 2: "generic", 3: "offload"}

// Attached returns what is known of the XDP program of an interface of the calling
// thread's network namespace, nil if it has none; who holds it is not looked for.
// Reporting only: it is the kernel that refuses to replace a program.
func Attached(ifindex int) *BusyError {
	l, err := netlink.LinkByIndex(ifindex)
	if err != nil || l.Attrs().Xdp == nil || !l.Attrs().Xdp.Attached {
		return nil
	}
	busy := &BusyError{ID: l.Attrs().Xdp.ProgId, Mode: attachModes[l.Attrs().Xdp.AttachMode]}
	prog, err := ebpf.NewProgramFromID(ebpf.ProgramID(busy.ID))
	if err != nil {
		return busy
	}
	defer prog.Close()
	if info, err := prog.Info(); err == nil {
		busy.Name, busy.Tag = info.Name, info.Tag
	}
	return busy
}

// Seek looks for the process that holds the program and notes it in By: one with a
// link, which keeps it attached, rather than one with the program alone. It reads
// the descriptors of every process that the caller may see.
func (e *BusyError) Seek() {
	id := "prog_id:\t" + strconv.FormatUint(uint64(e.ID), 10)
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		object, ok := strings.CutPrefix(target, "anon_inode:bpf")
		link := strings.HasSuffix(object, "link")
		if err != nil || !ok || !link && (e.By != "" || object != "-prog") {
			continue
		}
		part := strings.Split(fd, "/") // "", proc, PID, fd, N
		info, err := os.ReadFile(filepath.Join("/proc", part[2], "fdinfo", part[4]))
		if err != nil || !slices.Contains(strings.Split(string(info), "\n"), id) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join("/proc", part[2], "comm"))
		e.By = fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(comm)), part[2])
		if link {
			return
		}
	}
}

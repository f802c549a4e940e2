package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/config"
)

// needed are the capabilities that a running daemon may still want: for
// interfaces that appear later, and their neighbours, rings and programs.
var needed = []int{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK, unix.CAP_BPF}

// dropPrivileges gives up every capability but those needed, for good: a root
// without them is nobody special, and no program it might start gets them back.
// more are needed for what the configuration has besides.
func dropPrivileges(more ...int) error {
	keep, err := kept(more)
	if err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for i := range have {
		have[i].Permitted &= uint32(keep >> (32 * i))
		have[i].Effective = have[i].Permitted
		have[i].Inheritable = 0
	}
	// Capabilities belong to threads, and package unix changes the calling one
	// only.
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := allThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	err = allThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&have[0])), 0)
	if err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

func allThreads(call, a, b, c uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall6(call, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// kept returns the needed capabilities as a bit mask. A kernel that does not
// know CAP_BPF (before 5.8) has CAP_SYS_ADMIN in its place.
func kept(more []int) (mask uint64, err error) {
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, fmt.Errorf("find the kernel's capabilities: %w", err)
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("find the kernel's capabilities: %w", err)
	}
	for _, c := range slices.Concat(needed, more) {
		if c > last {
			c = unix.CAP_SYS_ADMIN
		}
		mask |= 1 << c
	}
	return mask, nil
}

// forSockets is what it takes to connect to the unix socket of another user's bfdd,
// which only that user may write to.
func forSockets(planes []config.DPlane) []int {
	for _, p := range planes {
		if p.Connect && p.Address.Path != "" {
			return []int{unix.CAP_DAC_OVERRIDE}
		}
	}
	return nil
}

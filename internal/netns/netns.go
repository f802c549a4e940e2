package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NS is one network namespace. Its methods may be called from any goroutine.
type NS struct {
	name string
	file *os.File
	nl   *netlink.Handle
}

// New makes a network namespace with its loopback interface up. IPv6 addresses
// in it are usable at once (no duplicate address detection) and router
// discovery is off. The name serves messages only and need not be unique.
// It needs CAP_SYS_ADMIN.
func New(name string) (_ *NS, err error) {
	n := &NS{name: name}
	defer func() {
		if err != nil {
			_ = n.Close()
			err = fmt.Errorf("make network namespace %s: %w", name, err)
		}
	}()
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if n.file, err = os.Open(threadNS); err != nil {
			return err
		}
		if n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return fmt.Errorf("open netlink socket: %w", err)
		}
		return quietIPv6()
	})
	if err != nil {
		return nil, err
	}
	return n, n.SetUp("lo")
}

// Name returns the name given to New.
func (n *NS) Name() string { return n.name }

// FD returns the descriptor that holds the namespace; it stays n's own.
func (n *NS) FD() int { return int(n.file.Fd()) }

// Path returns a path that names the namespace to other processes while n is
// open.
func (n *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close lets go of the namespace. The kernel removes it with all of its
// interfaces once no socket and no process is left in it.
func (n *NS) Close() error {
	if n.nl != nil {
		n.nl.Close()
		n.nl = nil
	}
	if n.file == nil {
		return nil
	}
	err := n.file.Close()
	n.file = nil
	return err
}

// Do runs fn on a thread that is inside the namespace, and waits for it. What
// fn opens there stays in the namespace for good; goroutines that fn starts
// run outside of it. When fn ends its goroutine (as a test's FailNow does), so
// does Do.
func (n *NS) Do(fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", n.name, err)
		}
		return fn()
	})
}

// Sysctl writes a kernel parameter of the namespace; name is a path below
// /proc/sys, such as "net/ipv4/ip_forward".
func (n *NS) Sysctl(name, value string) error {
	return n.Do(func() error { return writeSysctl(name, value) })
}

func writeSysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
		return fmt.Errorf("set sysctl: %w", err)
	}
	return nil
}

// quietIPv6 makes the current namespace's IPv6 usable at once and silent. A
// kernel without IPv6 has nothing to quieten.
func quietIPv6() error {
	for _, conf := range []string{"all", "default"} {
		for _, key := range []string{"accept_dad", "accept_ra", "router_solicitations"} {
			err := writeSysctl("net/ipv6/conf/"+conf+"/"+key, "0")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

const threadNS = "/proc/thread-self/ns/net"

// onThread runs fn on a thread of its own, then brings the thread back to the
// namespace it came from. A thread that cannot be brought back dies with its
// goroutine: the runtime ends a thread whose goroutine exits while locked to it.
func onThread(fn func() error) error {
	var err error
	left := true // fn ended its goroutine instead of returning
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		home, openErr := os.Open(threadNS)
		if openErr != nil {
			err, left = openErr, false
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}()
		err = fn()
		left = false
	}()
	<-done
	if left {
		runtime.Goexit()
	}
	return err
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// mounts are the file systems that the tests may look for.
var mounts = []struct{ fstype, dir string }{
	{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"},
	{"tmpfs", "/tmp"}, {"tmpfs", "/run"},
	{"bpf", "/sys/fs/bpf"}, {"cgroup2", "/sys/fs/cgroup"}, {"tracefs", "/sys/kernel/tracing"},
}

func mountAll() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.fstype, m.dir, m.fstype, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return nil
}

// load loads modules and returns what went wrong.
func load(modules []plan.Module) (faults []string) {
	for _, m := range modules {
		if err := loadModule(m); err != nil && !errors.Is(err, unix.EEXIST) {
			faults = append(faults, fmt.Sprintf("load module %s: %v", m.File, err))
		}
	}
	return faults
}

func loadModule(m plan.Module) error {
	f, err := os.Open(plan.Modules + m.File)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), m.Params, 0)
}

// loopbackUp lets tests use 127.0.0.1 outside of namespaces of their own.
func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	return netlink.LinkSetUp(lo)
}

// openPort opens the virtio-serial port that leads to the host.
func openPort() (*os.File, error) {
	const class = "/sys/class/virtio-ports"
	ports, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("find the port to the host: %w", err)
	}
	for _, p := range ports {
		name, err := os.ReadFile(filepath.Join(class, p.Name(), "name"))
		if err == nil && strings.TrimSpace(string(name)) == plan.Port {
			return os.OpenFile("/dev/"+p.Name(), os.O_WRONLY, 0)
		}
	}
	return nil, fmt.Errorf("find the port to the host: %w", fs.ErrNotExist)
}

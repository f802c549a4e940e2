package wire

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoXDP says that an interface cannot be served by AF_XDP although the
// configuration allows nothing else.
var ErrNoXDP = errors.New("AF_XDP cannot be used")

// reason says for people why a step towards AF_XDP did not work.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		if lacking := lackingCapabilities(); lacking != "" {
			return "no " + lacking
		}
		return fmt.Sprintf("%v although this process has the capabilities: does a seccomp filter forbid it, or is the kernel locked down?", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return "no AF_XDP: the kernel was built without it (CONFIG_XDP_SOCKETS), or RestrictAddressFamilies= or another seccomp filter forbids it"
	case errors.Is(err, unix.ENOSYS):
		return "no bpf(): the kernel was built without it (CONFIG_BPF_SYSCALL), or a seccomp filter forbids it"
	case errors.Is(err, unix.EBUSY):
		return fmt.Sprintf("%v: another AF_XDP program has the queue", err)
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return fmt.Sprintf("%v: raise the limit on locked memory (ulimit -l)", err)
	}
	return err.Error()
}

// needed are the capabilities that AF_XDP takes.
var needed = []struct {
	bit  uint
	name string
}{
	{unix.CAP_NET_RAW, "CAP_NET_RAW"},
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{unix.CAP_BPF, "CAP_BPF"},
}

// lackingCapabilities names those of needed that the calling thread has not.
func lackingCapabilities() string {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return ""
	}
	has := func(bit uint) bool { return data[bit/32].Effective&(1<<(bit%32)) != 0 }
	var lacking []string
	for _, c := range needed {
		if !has(c.bit) && !(c.bit == unix.CAP_BPF && has(unix.CAP_SYS_ADMIN)) {
			lacking = append(lacking, c.name)
		}
	}
	return strings.Join(lacking, ", ")
}

package interop

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// A kernel without AF_XDP or without BPF is not to be had everywhere, but to a
// process under a seccomp filter it looks as if it were one.
type lack struct {
	name   string
	nr     uint32 // of the system call that is refused
	family uint32 // only with this as its first argument, unless 0
	errno  unix.Errno
	why    string // in the interface's reason
	advice string // of the doctor
}

var lacks = []lack{
	{"built without AF_XDP", unix.SYS_SOCKET, unix.AF_XDP, unix.EAFNOSUPPORT, `CONFIG_XDP_SOCKETS`, `warn +af-xdp +there is no AF_XDP`},
	{"AF_XDP forbidden", unix.SYS_SOCKET, unix.AF_XDP, unix.EPERM, `does a seccomp filter forbid it`, `warn +af-xdp +AF_XDP sockets are refused`},
	{"built without BPF", unix.SYS_BPF, 0, unix.ENOSYS, `CONFIG_BPF_SYSCALL`, `warn +bpf +there is no bpf\(\)`},
	{"BPF forbidden", unix.SYS_BPF, 0, unix.EPERM, `does a seccomp filter forbid it`, `warn +bpf +BPF maps are refused`},
}

// filterVar names, in the environment of a process that is no test, the lack under
// which it is to run the program that its arguments name.
const filterVar = "XBFD_INTEROP_LACK"

// runFiltered becomes that program; it returns only with an error.
func runFiltered(name string, args []string) error {
	for _, l := range append(lacks, noIPv6) {
		if l.name != name {
			continue
		}
		runtime.LockOSThread()
		if err := l.filter(); err != nil {
			return fmt.Errorf("filter system calls: %w", err)
		}
		return syscall.Exec(args[0], args, os.Environ())
	}
	return fmt.Errorf("no lack %q", name)
}

// filter has the kernel refuse the call to the calling thread from now on.
func (l lack) filter() error {
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const number, firstArgument = 0, 16 // in struct seccomp_data, little-endian
	code := []unix.SockFilter{{Code: load, K: number}, {Code: equal, K: l.nr, Jf: 3}, {Code: load, K: firstArgument}, {Code: equal, K: l.family, Jf: 1}}
	if l.family == 0 {
		code = []unix.SockFilter{{Code: load, K: number}, {Code: equal, K: l.nr, Jf: 1}}
	}
	code = append(code, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(l.errno)}, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// command is the program under that lack, in a host's namespace.
func (l lack) command(ctx context.Context, h *host, args ...string) *netns.Cmd {
	c := h.Command(ctx, "/proc/self/exe", append([]string{xbfdPath}, args...)...)
	c.Env = append(os.Environ(), filterVar+"="+l.name)
	return c
}

// Where AF_XDP or BPF is not to be had sessions run over UDP sockets, and status,
// session and doctor say why; what insists on AF_XDP is an error that does.
func TestKernelLacks(t *testing.T) {
	t.Parallel()
	testnet.Require(t, runtime.GOARCH != "s390x", "the filter is for little-endian machines")
	for _, l := range lacks {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			twin := start(t, b, oneSession(a, 100*time.Millisecond, ""))
			d := launchLacking(t, a, l, oneSession(b, 100*time.Millisecond, ""))
			d.started(t)
			d.waitUp(t)
			twin.waitUp(t)
			i := d.status(t).Interfaces[0]
			if i.Transport != "udp" || !regexp.MustCompile("^UDP sockets: .*"+l.why).MatchString(i.TransportReason) || a.hasXDP(t) {
				t.Errorf("interface by %s (%s), XDP %v", i.Transport, i.TransportReason, a.hasXDP(t))
			}
			if s := d.session(t, b.v4); s.Transport != "udp" || s.Counters.Down != 0 {
				t.Errorf("session %+v", s)
			}
			r := finish(t, l.command(t.Context(), a, "doctor", "--control", d.control))
			if !regexp.MustCompile("(?m)^" + l.advice).MatchString(r.stdout) {
				t.Errorf("the doctor says nothing like %s:\n%s%s", l.advice, r.stdout, r.stderr)
			}
			if code := d.stop(t); code != 0 {
				t.Errorf("exit status %d", code)
			}
			d = launchLacking(t, a, l, "transport: xdp\n"+oneSession(b, 100*time.Millisecond, ""))
			d.refused(t, "^xbfd: .*AF_XDP cannot be used: .*"+l.why)
			if a.hasXDP(t) {
				t.Error("what could not be used is left attached")
			}
		})
	}
}

package bpf

import (
	"errors"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// With the four capabilities that xbfd keeps once started the program is loaded
// for interfaces that appear later. The verifier is stricter then: without
// CAP_PERFMON it refuses, among others, to add a choice of offsets to a packet's
// address, which compilers like to make of two loads.
func TestLoadWithFewCapabilities(t *testing.T) {
	testnet.RequireRoot(t)
	tables, err := NewTables(16, 16)
	must(t, err)
	t.Cleanup(func() { _ = tables.Close() })
	errs := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread goes with its capabilities
		errs <- func() error {
			if err := keepCapabilities(unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK, unix.CAP_BPF); err != nil {
				return err
			}
			p := &Program{ifindex: loopback, live: liveOut{room: room{1, 8}}}
			defer p.Close()
			if err := p.load(tables, 1, 0); err != nil {
				return err
			}
			if err := p.openLive(); err != nil { // runs it, too
				return err
			}
			_, err := p.Live(0)
			return errors.Join(err, p.Heard(), p.loadTC(ebpf.AttachNone))
		}()
	}()
	must(t, <-errs)
}

// keepCapabilities gives up all others of the calling thread.
func keepCapabilities(keep ...int) error {
	var data [2]unix.CapUserData
	for _, c := range keep {
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
	}
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
}

//go:build vm

package matrix_test

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// passes reports whether the kernel's own packets get from one end of a device to the
// other: where they do not, no session can. A bond may take some seconds until they do.
func passes(t *testing.T, a *testnet.NS, aif string, b *testnet.NS, bif string) bool {
	t.Helper()
	from, to := socket(t, a, aif, address(0, 0, 0)), socket(t, b, bif, address(0, 1, 0))
	buf := make([]byte, 8)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if _, err := from.WriteTo([]byte("hello"), to.LocalAddr()); err != nil {
			time.Sleep(100 * time.Millisecond) // there is no carrier yet
			continue
		}
		must(t, to.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if _, _, err := to.ReadFrom(buf); err == nil {
			return true
		}
	}
	return false
}

// socket opens a UDP socket on an interface, which also leads it into its VRF.
func socket(t *testing.T, ns *testnet.NS, ifname, addr string) (s net.PacketConn) {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		cerr := raw.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", unix.BindToDevice(int(fd), ifname))
		})
		if cerr != nil {
			return cerr
		}
		return err
	}}
	must(t, ns.Do(func() (err error) {
		s, err = config.ListenPacket(context.Background(), "udp4", net.JoinHostPort(addr, "0"))
		return err
	}))
	t.Cleanup(func() { s.Close() })
	return s
}

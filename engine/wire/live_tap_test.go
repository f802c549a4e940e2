package wire

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// newTap makes the tap interface "tap" in a namespace and returns the descriptor
// that what it sends is read from. The driver counts no live frames.
func newTap(t testing.TB, ns *testnet.NS) (fd int) {
	t.Helper()
	must(t, ns.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		req := struct {
			name  [unix.IFNAMSIZ]byte
			flags uint16
			_     [22]byte
		}{flags: unix.IFF_TAP | unix.IFF_NO_PI}
		copy(req.name[:], "tap")
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&req))); errno != 0 {
			return errno
		}
		return nil
	}))
	ns.SetUp(t, "tap")
	return fd
}

// On a driver that is not veth's auto takes live frames only where it counts
// them; who asks for them gets them, and is told that a loss would not be seen.
func TestLiveTap(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.Require(t, unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) == nil, "needs /dev/net/tun")
	ns := testnet.NewNS(t, "a")
	fd := newTap(t, ns)
	tables, err := bpf.NewTables(1, 1)
	must(t, err)
	t.Cleanup(func() { must(t, tables.Close()) })
	for _, tt := range []struct{ transmit, how, reason string }{
		{TransmitAuto, TransmitXDP, "driver tun does not count live frames"},
		{TransmitLive, TransmitLive, "a loss would not be seen"},
	} {
		must(t, ns.Do(func() error {
			i, err := Open(ns.Ifindex(t, "tap"), "tap", Options{Transport: TransportXDP, Tables: tables, Transmit: tt.transmit})
			if err != nil {
				return err
			}
			defer i.Close()
			if how, reason := i.Transmit(); how != tt.how || !strings.Contains(reason, tt.reason) {
				t.Errorf("transmit %q: %s", how, reason)
			}
			p, frame := i.Port(0), bytes.Repeat([]byte{2}, packet.MaxFrame)
			for n := range 50 {
				p.Commit(copy(p.Alloc(true), frame[:60+n]), 14)
			}
			if failed := p.Flush(); failed != 0 {
				t.Errorf("%s: %d frames failed", tt.transmit, failed)
			}
			buf := make([]byte, 2048)
			for n := 0; n < 50; {
				k, err := unix.Read(fd, buf)
				if err != nil {
					t.Fatalf("%s: read %d of 50 frames: %v", tt.transmit, n, err)
				}
				if buf[0] != 2 {
					continue // the host's own
				}
				if !bytes.Equal(buf[:k], frame[:60+n]) {
					t.Errorf("%s: frame %d is %x", tt.transmit, n, buf[:k])
				}
				n++
			}
			return nil
		}))
	}
}

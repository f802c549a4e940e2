package wire

import (
	"bytes"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/packet"
)

// Each end has a session of each family with the other; its lane and what its
// discriminator ends in are the family.
func (e *end) discr(family int) uint32 { return uint32(e.mac[5])<<8 | 0x10 | uint32(family) }

// says is the frame that the end's session repeats.
func (e *end) says(family int) []byte {
	var t packet.Template
	t.Render(&packet.Path{
		SrcMAC: e.mac, DstMAC: e.neighbor.mac,
		Src: packet.AddrFrom(e.addr[family]), Dst: packet.AddrFrom(e.neighbor.addr[family]),
		SrcPort: 49152, DstPort: packet.PortControl,
	}, &packet.Control{
		State: packet.Up, DetectMult: 3, MyDiscr: e.discr(family), YourDiscr: e.neighbor.discr(family),
		DesiredMinTx: 10000, RequiredMinRx: 10000,
	}, nil)
	b := make([]byte, packet.MaxFrame)
	return b[:t.Put(b, 0)]
}

// insure has the end's sessions expect what the neighbour says, and answered for
// from now on, with so long between two replies.
func (e *end) insure(t testing.TB, gap time.Duration) *fastpath.Lanes {
	t.Helper()
	l := e.tables.Lanes()
	l.Beat(int64(Now()))
	for family := range 2 {
		must(t, e.tables.AddDiscr(e.discr(family), family))
		if !l.Expect(family, e.neighbor.says(family), int32(e.ifindex), int64(Now())) ||
			!l.Insure(family, 1, int64(gap), e.says(family), 0) {
			t.Fatal("the frame is none for a lane")
		}
	}
	return l
}

// answers sends a frame n times from the end by a packet socket and counts how
// often want came back.
func (e *end) answers(t *testing.T, fd int, frame, want []byte, n int) (count int) {
	t.Helper()
	for range n {
		_, err := unix.Write(fd, frame)
		must(t, err)
		if e.arrives(t, fd, want) {
			count++
		}
	}
	return count
}

// arrives waits for the next datagram for BFD to the end, which must be want.
func (e *end) arrives(t *testing.T, fd int, want []byte) bool {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			return false
		}
		var d packet.Datagram
		packet.ParseEthernet(buf[:n], &d)
		if d.DstMAC != e.mac || d.DstPort != packet.PortControl {
			continue
		}
		if d.Drop != packet.DropNone || d.TTL != 255 || !bytes.Equal(buf[:n], want) {
			t.Fatalf("%v, TTL %d: received %x, want %x", d.Drop, d.TTL, buf[:n], want)
		}
		return true
	}
}

// patience is for how long the reads of a packet socket wait.
func patience(t *testing.T, fd int, d time.Duration) {
	t.Helper()
	tv := unix.NsecToTimeval(int64(d))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// noChecksums has the kernel, not the device, complete the checksums of what
// leaves by the end's interface.
func (e *end) noChecksums(t *testing.T) {
	t.Helper()
	const setTxChecksum = 0x17 // ETHTOOL_STXCSUM
	value := [2]uint32{setTxChecksum, 0}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], e.ifname)
	must(t, e.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return errno
		}
		return nil
	}))
}

package netns_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// etherTest is an EtherType for local experiments (IEEE 802), which nothing answers.
const etherTest = 0x88b5

// tap is a packet socket that sends without the queueing discipline, by the
// same way out of the host that AF_XDP's copy mode takes.
type tap struct {
	fd, ifindex int
}

func newTap(t *testing.T, n *testnet.NS, ifname string) *tap {
	t.Helper()
	p := &tap{ifindex: n.Ifindex(t, ifname)}
	proto := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, etherTest))
	err := n.Do(func() (err error) {
		p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(p.fd) })
		if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
			return err
		}
		timeout := unix.NsecToTimeval((100 * time.Millisecond).Nanoseconds())
		if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return err
		}
		return unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: p.ifindex})
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tap) send(t *testing.T, from, to net.HardwareAddr, n byte) {
	t.Helper()
	frame := append(append(append([]byte{}, to...), from...), etherTest>>8, etherTest&0xff, n)
	frame = append(frame, make([]byte, 64)...)
	if err := unix.Sendto(p.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.ifindex}); err != nil {
		t.Fatal(err)
	}
}

// receive returns the number in the next frame, or an error after 100 ms.
func (p *tap) receive() (byte, error) {
	var b [128]byte
	n, _, err := unix.Recvfrom(p.fd, b[:], 0)
	if err != nil {
		return 0, err
	}
	if n < 15 {
		return 0, fmt.Errorf("%d bytes", n)
	}
	return b[14], nil
}

func TestBridgeCutsInSilence(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	br := testnet.NewBridge(t)
	br.Join(t, a, "x")
	br.Join(t, b, "y")
	macA, macB := a.MAC(t, "x"), b.MAC(t, "y")
	tapA, tapB := newTap(t, a, "x"), newTap(t, b, "y")

	exchange := func(n byte, want bool) {
		t.Helper()
		tapA.send(t, macA, macB, n)
		tapB.send(t, macB, macA, n)
		for _, p := range []*tap{tapA, tapB} {
			got, err := p.receive()
			if (err == nil) != want || (want && got != n) {
				t.Errorf("frame %d: received %d, %v; want it to pass: %v", n, got, err, want)
			}
		}
	}
	carrier := func() {
		t.Helper()
		if !a.Link(t, "x").Carrier || !b.Link(t, "y").Carrier {
			t.Error("an end lost its carrier")
		}
	}
	exchange(1, true)
	br.Cut(t, a, "x")
	exchange(2, false)
	carrier()
	br.Restore(t, a, "x")
	exchange(3, true)
	br.Cut(t, b, "y")
	exchange(4, false)
	carrier()
	br.Restore(t, b, "y")
	exchange(5, true)
}

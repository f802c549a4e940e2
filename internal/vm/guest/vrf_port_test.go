//go:build vm

package guest

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A program that has bound port 3784 to a VRF's device keeps it, though the kernel
// would let us have it on the interface: AF_XDP serves alone, sockets do not at all,
// and both say why. The other VRFs are none of its business.
func TestVRFPortTaken(t *testing.T) {
	for _, transport := range []string{"auto", "udp"} {
		t.Run(transport, func(t *testing.T) {
			b := emptyVRFBed(t)
			must(t, b.host.Do(func() error {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				t.Cleanup(func() { unix.Close(fd) })
				if err := unix.BindToDevice(fd, "red"); err != nil {
					return err
				}
				return unix.Bind(fd, &unix.SockaddrInet4{Port: packet.PortControl})
			}))
			b.start(transport)
			testnet.Eventually(t, patience, "blue's sessions are up", func() bool { return b.all("blue", true) && b.all("", true) })
			const taken = "UDP port 3784 is taken by"
			if transport == "udp" {
				testnet.Eventually(t, patience, "red's session waits", func() bool {
					return strings.Contains(b.host.Path(b.host.discr["redipv4"]).Waiting, taken)
				})
				return
			}
			testnet.Eventually(t, patience, "red's sessions are up", func() bool { return b.all("red", true) })
			for _, i := range b.host.Interfaces() {
				if strings.Contains(i.UDP, taken) != (i.VRF == "red") {
					t.Errorf("interface %s in VRF %q: %q", i.Name, i.VRF, i.UDP)
				}
			}
		})
	}
}

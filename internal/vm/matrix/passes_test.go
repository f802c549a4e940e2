//go:build vm

package matrix_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// reach has the kernel's own packets get from one end of a device to the other and
// back: where they do not, no session can. It returns what it has changed for that, for
// people, and false if they do not all the same.
func (d *bed) reach(t *testing.T, device matrix.Device, a, b site) (changed string, ok bool) {
	t.Helper()
	if device == matrix.Bond8023ad {
		settle(t, d.a, d.b)
	}
	if passes(t, d.a, a.ifname, d.b, b.ifname) {
		return "", true
	}
	for _, n := range []devices.NS{d.a, d.b} {
		for _, p := range ports {
			n.Promiscuous(t, p)
			if device == matrix.QinQ {
				n.KeepTags(t, p)
			}
		}
	}
	return remedies[device], passes(t, d.a, a.ifname, d.b, b.ifname)
}

// remedies say what reach does, and for what. QEMU's vmxnet3 forgets the Ethernet address
// that a bond has given it when the driver starts it afterwards, and filters by the one
// that it was made with; and it knows tags of 802.1ad only to take them off, after which
// the driver takes them for those of 802.1Q.
var remedies = map[matrix.Device]string{
	matrix.QinQ:       "with the cards in promiscuous mode and not taking tags off: else this model loses frames with a tag of 802.1ad",
	matrix.BondBackup: "with the cards in promiscuous mode: else this model drops what is for the bond's Ethernet address",
	matrix.Bond8023ad: "with the cards in promiscuous mode: else this model drops what is for the bond's Ethernet address",
}

// settle waits until both members of the bonds at both ends collect and distribute
// (IEEE 802.1AX §6.4.2.3: bits 4 and 5 of a port's state) in one aggregator.
func settle(t *testing.T, ends ...devices.NS) {
	t.Helper()
	const passing = 1<<4 | 1<<5
	testnet.Eventually(t, patience, "all members of the bonds are active", func() bool {
		aggregators := make(map[devices.NS]uint16)
		for _, n := range ends {
			for _, p := range ports {
				s := member(t, n, p)
				if was, ok := aggregators[n]; ok && was != s.AggregatorId {
					return false
				}
				aggregators[n] = s.AggregatorId
				if s.AdActorOperPortState&passing != passing || s.AdPartnerOperPortState&passing != passing {
					return false
				}
			}
		}
		return true
	})
}

// member returns how a bond has one of its members.
func member(t *testing.T, n devices.NS, ifname string) (s *netlink.BondSlave) {
	t.Helper()
	must(t, n.Do(func() error {
		l, err := netlink.LinkByName(ifname)
		if err != nil {
			return err
		}
		var ok bool
		if s, ok = l.Attrs().Slave.(*netlink.BondSlave); !ok {
			return fmt.Errorf("%s is no member of a bond", ifname)
		}
		return nil
	}))
	return s
}

// passes reports whether packets of the kernel's pass in both directions, by IPv4 and
// by IPv6: of a bond's two members 802.3ad uses one for each, since the hash that it
// chooses by has the type of the frame in it.
func passes(t *testing.T, a devices.NS, aif string, b devices.NS, bif string) bool {
	t.Helper()
	for family := range 2 {
		one, two := socket(t, a, aif, family, address(family, 0, 0)), socket(t, b, bif, family, address(family, 1, 0))
		if !arrives(t, one, two) || !arrives(t, two, one) {
			return false
		}
	}
	return true
}

// arrives reports whether a packet does within some seconds.
func arrives(t *testing.T, from, to net.PacketConn) bool {
	t.Helper()
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
func socket(t *testing.T, ns devices.NS, ifname string, family int, addr string) (s net.PacketConn) {
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
		s, err = config.ListenPacket(context.Background(), []string{"udp4", "udp6"}[family], net.JoinHostPort(addr, "0"))
		return err
	}))
	t.Cleanup(func() { s.Close() })
	return s
}

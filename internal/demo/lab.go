package demo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/xbfd/xbfd/internal/netns"
)

// lab is the two ends and the bridge between them. Cutting a bridge port stops
// every frame, AF_XDP's too, and neither end loses its carrier.
type lab struct {
	spaces []*netns.NS
	bridge *netns.Bridge
	port   string // the bridge's port to the second end
	ends   [2]*end
}

// ifname of each end's only interface.
const ifname = "veth0"

var macs = [2]net.HardwareAddr{
	{0x02, 0, 0, 0, 0x18, 1},
	{0x02, 0, 0, 0, 0x19, 1},
}

func newLab(o Options) (l *lab, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("making network namespaces needs root: run it with sudo")
	}
	l = new(lab)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	for _, name := range []string{"a", "b", "bridge"} {
		ns, err := netns.New(name)
		if err != nil {
			return nil, err
		}
		l.spaces = append(l.spaces, ns)
	}
	if l.bridge, err = netns.NewBridge(l.spaces[2], "br0"); err != nil {
		return nil, err
	}
	for i := range l.ends {
		if l.port, err = l.bridge.Port(l.spaces[i], ifname, netns.VethOptions{MAC: macs[i]}); err != nil {
			return nil, err
		}
		if err := l.address(i, o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// address gives end i its addresses, and its neighbours so that no address
// resolution of thousands disturbs the picture.
func (l *lab) address(i int, o Options) error {
	own := make([]netip.Prefix, o.Sessions)
	other := make([]netns.Neigh, o.Sessions)
	for k := range o.Sessions {
		own[k] = prefixOf(addrOf(i, k, o.IPv6))
		other[k] = netns.Neigh{IP: addrOf(1-i, k, o.IPv6), MAC: macs[1-i]}
	}
	if err := l.spaces[i].AddAddr(ifname, own...); err != nil {
		return err
	}
	return l.spaces[i].AddNeigh(ifname, other...)
}

// addrOf is the address of session k at an end: 198.18.0.0/15 is for tests
// between networks (RFC 2544), fd18::/15 likewise is nobody's.
func addrOf(end, k int, ipv6 bool) netip.Addr {
	hi, lo := byte((k+1)>>8), byte(k+1)
	if ipv6 {
		a := [16]byte{0: 0xfd, 1: 0x18, 13: byte(end), 14: hi, 15: lo}
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte{198, 18 + byte(end), hi, lo})
}

func prefixOf(a netip.Addr) netip.Prefix {
	if a.Is6() {
		return netip.PrefixFrom(a, 64)
	}
	return netip.PrefixFrom(a, 15)
}

func (l *lab) cut() error { return l.bridge.Cut(l.port) }

// close stops the ends and lets the namespaces go, and with them everything
// that was in them.
func (l *lab) close() error {
	var errs []error
	for _, e := range l.ends {
		if e != nil {
			errs = append(errs, e.speaker.Close())
		}
	}
	for _, ns := range l.spaces {
		if err := ns.Close(); err != nil {
			errs = append(errs, fmt.Errorf("remove namespace %s: %w", ns.Name(), err))
		}
	}
	return errors.Join(errs...)
}

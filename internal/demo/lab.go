package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

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
	{0x02, 0, 0, 0, 0x18, 2},
}

// build makes the namespaces and what is in them. What it has made when it
// fails is for close to remove.
func (l *lab) build(ctx context.Context, o Options, say *printer) (err error) {
	for _, name := range []string{"a", "b", "bridge"} {
		ns, err := netns.New(name)
		if err != nil {
			return err
		}
		l.spaces = append(l.spaces, ns)
	}
	if l.bridge, err = netns.NewBridge(l.spaces[2], "br0"); err != nil {
		return err
	}
	for i := range l.ends {
		if l.port, err = l.bridge.Port(l.spaces[i], ifname, netns.VethOptions{MAC: macs[i]}); err != nil {
			return err
		}
		if err := l.address(ctx, i, o, say); err != nil {
			return err
		}
	}
	return nil
}

// addressesAtOnce is how many addresses are given between two looks at ctx: the
// kernel takes the longer for each the more there are.
const addressesAtOnce = 128

// address gives end i its addresses, and its neighbours so that no address
// resolution of thousands disturbs the picture.
func (l *lab) address(ctx context.Context, i int, o Options, say *printer) error {
	own := make([]netip.Prefix, o.Sessions)
	other := make([]netns.Neigh, o.Sessions)
	for k := range o.Sessions {
		own[k] = prefixOf(addrOf(i, k, o.IPv6))
		other[k] = netns.Neigh{IP: addrOf(1-i, k, o.IPv6), MAC: macs[1-i]}
	}
	given := i * o.Sessions
	for some := range slices.Chunk(own, addressesAtOnce) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := l.spaces[i].AddAddr(ifname, some...); err != nil {
			return err
		}
		given += len(some)
		say.progress("addresses  %d/%d", given, 2*o.Sessions)
	}
	return l.spaces[i].AddNeigh(ifname, other...)
}

// perSubnet is how many sessions share a subnet.
const perSubnet = 100

// addrOf is the address of session k at an end. 198.18.0.0/15 is for tests of
// networks (RFC 2544); fd18::/16 stands for it in IPv6. There the last three
// bytes are the same for a whole end, so that all of its addresses need but one
// multicast group for neighbour discovery: the kernel is slow with thousands.
func addrOf(end, k int, ipv6 bool) netip.Addr {
	subnet, host := byte(k/perSubnet), byte(1+k%perSubnet)
	if ipv6 {
		return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x18, 7: subnet, 11: host, 15: byte(1 + end)})
	}
	return netip.AddrFrom4([4]byte{198, 18, subnet, host + byte(end)*perSubnet})
}

func prefixOf(a netip.Addr) netip.Prefix {
	if a.Is6() {
		return netip.PrefixFrom(a, 64)
	}
	return netip.PrefixFrom(a, 24)
}

// cut stops every frame. Downs before it were not its doing.
func (l *lab) cut() error {
	for _, e := range l.ends {
		e.forget()
	}
	return l.bridge.Cut(l.port)
}

// sessionsUp is how many sessions are Up, by the end that has fewer.
func (l *lab) sessionsUp() int { return min(l.ends[0].count(), l.ends[1].count()) }

// downs is how often a session failed, both ends counted, and for how long at
// most an end had stood still when one did.
func (l *lab) downs() (n int, stalled time.Duration) {
	a, stalledA := l.ends[0].failed()
	b, stalledB := l.ends[1].failed()
	return a + b, max(stalledA, stalledB)
}

// transport returns what the ends run over, and why.
func (l *lab) transport() (name, reason string) {
	p := l.ends[0].speaker.Path(l.ends[0].discrs[0])
	q := l.ends[1].speaker.Path(l.ends[1].discrs[0])
	if p.Transport != q.Transport {
		return p.Transport + " and " + q.Transport, p.TransportReason + "; " + q.TransportReason
	}
	return p.Transport, p.TransportReason
}

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

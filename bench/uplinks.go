package bench

import (
	"errors"
	"net/netip"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/packet"
)

// uplinks are what a host that fails over has beside the load peer's link, which is
// its first uplink:
//
//	                    198.18.0.1 --- 198.18.0.2   the uplink: BFD, and a BGP router
//	host .2 --- 192.0.2.1   "dut"                   "load", where 10.0.0.0/8 is
//	                   203.0.113.1 --- 203.0.113.2  the spare uplink: a BGP router
//
// From "host" packets are sent to one of the prefixes, and there is who is told by BGP.
type uplinks struct {
	host      *netns.NS
	routes    int
	fib       *fib
	probe     *probe
	router    *speaker // at the far end of the uplink
	spare     *speaker
	collector *speaker
}

// The interfaces of "dut" beside ifname; the spare uplink's far end is called alike.
const (
	spareName = "veth1"
	lanName   = "veth2"
)

var (
	spareLocal, spareRemote = netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("203.0.113.2/24")
	lanLocal, lanHost       = netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.2/24")

	spareMAC = packet.MAC{0x02, 0, 0, 0, 0x18, 3}
	hostMAC  = packet.MAC{0x02, 0, 0, 0, 0x18, 4}
)

// addUplinks makes them for a number of prefixes, and begins to watch.
func (l *lab) addUplinks(routes int) (err error) {
	u := &uplinks{routes: routes}
	l.uplinks = u
	if u.host, err = netns.New("host"); err != nil {
		return err
	}
	err = errors.Join(
		netns.Veth(l.dut, spareName, l.load, spareName, netns.VethOptions{PeerMAC: hardware(spareMAC)}),
		netns.Veth(l.dut, lanName, u.host, lanName, netns.VethOptions{PeerMAC: hardware(hostMAC)}))
	if err != nil {
		return err
	}
	if err := u.address(l.dut, l.load); err != nil {
		return err
	}
	if u.fib, err = followRoutes(l.dut, routes); err != nil {
		return err
	}
	if u.probe, err = startProbe(u.host, l.load, inPrefix(routes-1)); err != nil {
		return err
	}
	if u.router, err = startSpeaker(l.load, remote(0), []uint16{asUplink}, routes, 0); err != nil {
		return err
	}
	if u.spare, err = startSpeaker(l.load, spareRemote.Addr(), []uint16{asSpare, asSpare}, routes, 0); err != nil {
		return err
	}
	u.collector, err = startSpeaker(u.host, lanHost.Addr(), []uint16{asCollector}, 0, routes)
	return err
}

// inPrefix is an address that the far ends have.
func inPrefix(k int) netip.Addr { return prefix(k).Addr().Next() }

func (u *uplinks) address(dut, load *netns.NS) error {
	one := func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	errs := []error{
		load.AddAddr(ifname, netip.PrefixFrom(remote(0), 24)),
		load.AddAddr("lo", one(inPrefix(u.routes-1))),
		dut.AddAddr(spareName, spareLocal), load.AddAddr(spareName, spareRemote),
		dut.AddAddr(lanName, lanLocal), u.host.AddAddr(lanName, lanHost),
		dut.AddNeigh(spareName, netns.Neigh{IP: spareRemote.Addr(), MAC: hardware(spareMAC)}),
		dut.AddNeigh(lanName, netns.Neigh{IP: lanHost.Addr(), MAC: hardware(hostMAC)}),
		u.host.AddRoute(lanName, everyPrefix, lanLocal.Addr()),
		dut.Sysctl("net/ipv4/ip_forward", "1"),
		// Nobody here has a way back to the host.
		load.Sysctl("net/ipv4/conf/all/rp_filter", "0"),
		load.Sysctl("net/ipv4/conf/"+ifname+"/rp_filter", "0"),
		load.Sysctl("net/ipv4/conf/"+spareName+"/rp_filter", "0"),
	}
	return errors.Join(errs...)
}

// cover gives the spare uplink what has no route of its own: for engines that only
// withdraw.
func (u *uplinks) cover(dut *netns.NS) error {
	u.fib.covered = true
	return dut.AddRoute(spareName, everyPrefix, spareRemote.Addr())
}

func (u *uplinks) close() error {
	var errs []error
	for _, s := range []*speaker{u.router, u.spare, u.collector} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	if u.probe != nil {
		errs = append(errs, u.probe.close())
	}
	if u.fib != nil {
		errs = append(errs, u.fib.close())
	}
	if u.host != nil {
		errs = append(errs, u.host.Close())
	}
	return errors.Join(errs...)
}

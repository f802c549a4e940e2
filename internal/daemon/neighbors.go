package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/gobgp"
)

// neighborsListed gives every neighbor that a keeper lists a session, unless somebody else has one with
// it, and takes the sessions of those that are gone.
func (d *Daemon) neighborsListed(k *gobgp.Keeper, list []gobgp.Neighbor) {
	nets := d.interfaceNets()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leaving || d.bgp.keeper != k || !d.cfg.GoBGP.FromNeighbors {
		return
	}
	others := make(map[netip.Addr]bool)
	for h := range d.byKey.All() {
		if len(h.wants) > 1 || h.owner() != ownerGoBGP {
			others[h.peer.Peer] = true
		}
	}
	wanted := make(map[config.Key]bool)
	d.bgp.faults = nil
	fault := func(n *gobgp.Neighbor, err error) {
		d.bgp.faults = append(d.bgp.faults, fmt.Sprintf("gobgp: neighbor %v has no session: %v", n.Addr, err))
	}
	for i := range list {
		n := &list[i]
		if n.VRF != "" {
			continue
		}
		p, faults := config.NewPeer(d.settledKey(neighborKey(n, nets)), d.cfg.GoBGP.Profile, config.Settings{}, d.cfg.Profiles)
		if len(faults) > 0 {
			if !others[n.Addr] {
				fault(n, faults[0])
			}
			continue
		}
		if h := d.byKey.Get(p.Key()); others[n.Addr] && (h == nil || h.at(ownerGoBGP) < 0) {
			continue
		}
		wanted[p.Key()] = true
		if err := d.adopt(p); err != nil {
			fault(n, err)
		}
	}
	d.releaseNeighbors(wanted)
}

// releaseNeighbors takes the sessions of neighbors that are not wanted.
func (d *Daemon) releaseNeighbors(wanted map[config.Key]bool) {
	for _, h := range slices.Collect(d.byKey.All()) {
		if h.at(ownerGoBGP) >= 0 && !wanted[h.peer.Key()] {
			if err := d.release(h, ownerGoBGP); err != nil {
				d.log.Error("release session of a neighbor", "peer", h.peer.Peer.String(), "err", err)
			}
		}
	}
}

// settledKey returns the key of the session that a neighbor has already: gobgpd knows
// the local address that nobody chose only while it is connected.
func (d *Daemon) settledKey(key config.Key) config.Key {
	if key.Local.IsValid() {
		return key
	}
	for h := range d.byKey.All() {
		if without := h.peer.Key(); h.at(ownerGoBGP) >= 0 {
			if without.Local = key.Local; without == key {
				return h.peer.Key()
			}
		}
	}
	return key
}

// adopt makes a neighbor's session be as its profile says.
func (d *Daemon) adopt(p config.Peer) error {
	if h := d.byKey.Get(p.Key()); h != nil {
		if i := h.at(ownerGoBGP); i >= 0 && *h.obey(want{owner: ownerGoBGP, peer: &p}).peer == *h.wants[i].peer {
			return nil
		}
	} else if err := errors.Join(d.knownKey(p.Auth), d.excluded(p)); err != nil {
		return err
	}
	_, err := d.register(want{owner: ownerGoBGP, peer: &p})
	return err
}

// yield removes a session that gobgpd's neighbors alone have, for one of the file's
// with the same peer that names another interface or local address.
func (d *Daemon) yield(p config.Peer) error {
	for _, h := range slices.Collect(d.byKey.All()) {
		if key := h.peer.Key(); key.Peer == p.Peer && key != p.Key() && h.owner() == ownerGoBGP && len(h.wants) == 1 {
			if err := d.release(h, ownerGoBGP); err != nil {
				return err
			}
		}
	}
	return nil
}

// neighborKey says which session a neighbor is to have. One on a network of ours is
// a hop away, unless the operator says that it may be farther; another is not.
func neighborKey(n *gobgp.Neighbor, nets []netip.Prefix) config.Key {
	key := config.Key{Peer: n.Addr, Local: n.Local, Interface: n.Interface, VRF: config.DefaultVRF, Multihop: n.Multihop}
	if key.Peer.IsLinkLocalUnicast() {
		return key
	}
	for _, net := range nets {
		if !net.Contains(n.Addr) {
			continue
		}
		key.Local = netip.Addr{} // the route decides
		if n.Addr.Is6() {
			key.Local = net.Addr() // the address by which we are on that network
		}
		return key
	}
	key.Multihop = key.Multihop || n.Internal
	return key
}

// interfaceNets returns the addresses of this host with their networks.
func (d *Daemon) interfaceNets() (nets []netip.Prefix) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		d.log.Warn("list addresses of this host", "err", err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			nets = append(nets, p)
		}
	}
	return nets
}

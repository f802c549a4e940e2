package netlinkmon

import (
	"net/netip"

	"github.com/xbfd/xbfd/packet"
)

// Target is a peer to which a single-hop session wants a path.
type Target struct {
	// Peer is the peer's address. The zone of a link-local address serves as
	// Interface where that is empty.
	Peer netip.Addr
	// Local is the source address; the zero Addr means one that fits the peer.
	Local netip.Addr
	// Interface names the interface; empty means the one that is directly
	// connected to the peer. A link-local peer needs it.
	Interface string
}

// Path is how packets reach a Target at this moment. Values are comparable by ==.
type Path struct {
	// Ready says that packets can be sent: the interface exists and is
	// administratively up, and the local address is on it.
	Ready bool
	// Reason says, for people, why the path is not ready.
	Reason string
	// OffLink flags a peer outside of every prefix connected to the interface,
	// which RFC 5881 §6 does not allow on a multi-access link. Such a path is
	// ready only where the Target names its interface.
	OffLink bool
	// Ifindex and Interface are those of the interface in use. Ifindex is 0
	// while there is none; an interface that is merely down keeps its index.
	Ifindex   int
	Interface string
	// Local, Peer and NextHop carry no zone. NextHop is the address whose
	// Ethernet address frames go to, for one hop the peer's.
	Local, Peer, NextHop netip.Addr
	// LocalMAC and PeerMAC are right when MACKnown. While it is not, the peer
	// is being resolved, or the interface has no Ethernet addresses: only the
	// kernel's own sockets can send.
	LocalMAC, PeerMAC packet.MAC
	MACKnown          bool
	// Up is the interface's operational state: up and with carrier, as far as
	// its driver tells. It is late or missing on many links and no part of Ready.
	Up bool
}

// Update is the news that the path of a watched session is another.
type Update struct {
	ID   uint32
	Path Path
}

// normal returns t without zones and IPv4-mapped addresses.
func (t Target) normal() Target {
	if t.Interface == "" {
		t.Interface = t.Peer.Zone()
	}
	t.Peer = t.Peer.Unmap().WithZone("")
	t.Local = t.Local.Unmap().WithZone("")
	return t
}

// refusal says why no network could ever give t a path, or "".
func (t Target) refusal() string {
	switch {
	case !t.Peer.IsValid():
		return "no peer address"
	case t.Peer.IsMulticast() || t.Peer.IsUnspecified():
		return "peer address " + t.Peer.String() + " is not a unicast address"
	case t.Local.IsValid() && t.Local.Is4() != t.Peer.Is4():
		return "local address " + t.Local.String() + " and peer address " + t.Peer.String() + " are of different families"
	case t.Peer.IsLinkLocalUnicast() && t.Peer.Is6() && t.Interface == "":
		return "link-local peer " + t.Peer.String() + " needs an interface"
	}
	return ""
}

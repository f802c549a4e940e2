package netlinkmon

import (
	"net/netip"

	"github.com/xbfd/xbfd/packet"
)

// Target is a peer to which a session wants a path.
type Target struct {
	// Peer is the peer's address. The zone of a link-local address serves as
	// Interface where that is empty.
	Peer netip.Addr
	// Local is the source address; the zero Addr means one that fits the peer.
	// A multihop session needs it, on whatever interface it is.
	Local netip.Addr
	// Interface names the interface; empty means the one that is directly
	// connected to the peer. A link-local peer needs it. For a multihop session
	// it restricts the routes to those that leave by it.
	Interface string
	// VRF names the device of the VRF in which the peer is; empty means that of
	// Interface, and without one the default VRF, which has no device.
	VRF string
	// Multihop says that the peer may be any number of hops away (RFC 5883):
	// packets go where the kernel's routes lead.
	Multihop bool
}

// Path is how packets reach a Target at this moment. Values are comparable by ==.
type Path struct {
	// Ready says that packets can be sent: the interface exists and is
	// administratively up, and the local address is on it. For a multihop
	// session, that there is a route and some interface has the local address.
	Ready bool
	// OffLink flags a peer outside of every prefix connected to the interface,
	// which RFC 5881 §6 does not allow on a multi-access link. Such a path is
	// ready only where the Target names its interface.
	OffLink bool
	// Reason says, for people, why the path is not ready.
	Reason string
	// Ifindex and Interface are those of the interface by which packets leave.
	// Ifindex is 0 while there is none; one that is merely down keeps its index.
	Ifindex   int
	Interface string
	// VRFIndex and VRF are those of the device of the session's VRF, 0 and empty in
	// the default one. The interface of a path that is ready is in it.
	VRFIndex int
	VRF      string
	// Local, Peer and NextHop carry no zone. NextHop is the address whose
	// Ethernet address frames go to: the router's on a route that has one, which
	// may be an IPv6 address on the way to an IPv4 peer, else the peer's.
	Local, Peer, NextHop netip.Addr
	// LocalMAC and PeerMAC, which is the next hop's, are right when MACKnown.
	// While it is not, the next hop is being resolved, or the interface has no
	// Ethernet addresses, or the route encapsulates: only the kernel's own
	// sockets can send.
	LocalMAC, PeerMAC packet.MAC
	MACKnown          bool
	// Up is the interface's operational state: up and with carrier, as far as
	// its driver tells. It is late or missing on many links and no part of Ready.
	Up bool
	// PointToPoint says that the interface leads to one neighbour only.
	PointToPoint bool
	// Lowers says where frames of the interface travel that is made of others,
	// nil where it is not.
	Lowers *Lowers
	// EchoSource is the source address for echo packets on a single-hop path
	// that is ready. Where it is the zero Addr, EchoReason says why.
	EchoSource netip.Addr
	EchoReason string
}

// Update is the news that the path of a watched session is another. The Path is
// shared with the Monitor, to have it in memory once: it is never changed.
//
// An Update with VRFs instead says which interfaces are in a VRF now, each with the
// index of the VRF's device. It goes before those of paths that follow from it; as
// long as there is no VRF, none comes.
type Update struct {
	ID   uint32
	Path *Path
	VRFs map[int]int
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
	case t.Multihop:
		return t.refusalOfMultihop()
	case t.Peer.IsLinkLocalUnicast() && t.Peer.Is6() && t.Interface == "":
		return "link-local peer " + t.Peer.String() + " needs an interface"
	}
	return ""
}

// refusalOfMultihop says what refusal does for a valid peer. RFC 5883 §4.1 has
// the pair of addresses tell sessions apart, so both must be known.
func (t Target) refusalOfMultihop() string {
	switch {
	case !t.Local.IsValid():
		return "multihop peer " + t.Peer.String() + " needs a local address"
	case t.Peer.IsLinkLocalUnicast() || t.Local.IsLinkLocalUnicast():
		return "link-local addresses are of no use beyond one hop: " + t.Local.String() + ", " + t.Peer.String()
	}
	return ""
}

package bench

import (
	"net"
	"net/netip"

	"github.com/xbfd/xbfd/packet"
)

// ifname is the only interface of each namespace but lo.
const ifname = "veth0"

var (
	dutMAC  = packet.MAC{0x02, 0, 0, 0, 0x18, 1}
	peerMAC = packet.MAC{0x02, 0, 0, 0, 0x18, 2}
)

func hardware(m packet.MAC) net.HardwareAddr { return net.HardwareAddr(m[:]) }

// perSubnet is how many peers share a subnet, as on a segment of routers. The
// engine under test has one address in each, its peers one each: engines that
// know sessions by the peer alone can be measured, too.
const perSubnet = 200

// local is the address of the engine under test that session k runs from, out of
// 198.18.0.0/15 for tests of networks (RFC 2544).
func local(k int) netip.Addr { return subnet(k, 1) }

// remote is the load peer's address of session k.
func remote(k int) netip.Addr { return subnet(k, byte(2+k%perSubnet)) }

func subnet(k int, host byte) netip.Addr {
	s := k / perSubnet
	return netip.AddrFrom4([4]byte{198, 18 + byte(s>>8), byte(s), host})
}

// sessionOf is the session whose remote address ends with the three bytes, -1
// if they are none's.
func sessionOf(b1, b2, b3 byte) int {
	if b1 < 18 || b1 > 19 || b3 < 2 || int(b3) >= 2+perSubnet {
		return -1
	}
	return (int(b1-18)<<8|int(b2))*perSubnet + int(b3) - 2
}

package flowrules

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Rule steers the UDP datagrams of one IP version to a destination port.
type Rule struct {
	V6    bool
	Port  uint16
	Queue uint32
}

// Rules returns those that steer both IP versions of each port to a queue.
func Rules(queue uint32, ports ...uint16) (list []Rule) {
	for _, p := range ports {
		list = append(list, Rule{false, p, queue}, Rule{true, p, queue})
	}
	return list
}

// request is struct ethtool_rxnfc of linux/ethtool.h, with room for the locations
// of rules behind it. The offsets are those of machines that align 64 bits to 8.
type request []byte

const (
	atCommand   = 0
	atData      = 8
	atSpec      = 16 // struct ethtool_rx_flow_spec:
	atFlow      = atSpec
	atHeader    = atSpec + 4  // h_u, what is compared
	atMask      = atSpec + 76 // m_u, which of its bits
	atCookie    = atSpec + 152
	atLocation  = atSpec + 160
	atCount     = 184
	atLocations = 188
	requestSize = 192
	specSize    = 168
)

// Flow types, and where struct ethtool_tcpip4_spec and _tcpip6_spec have the
// destination port.
const (
	udpV4, udpV6        = 2, 6
	portInV4, portInV6  = 10, 34
	anyLocation         = 1<<32 - 1 // RX_CLS_LOC_ANY
	locationIsDrivers   = 1 << 31   // RX_CLS_LOC_SPECIAL: the driver chooses
	commandGetCount     = unix.ETHTOOL_GRXCLSRLCNT
	commandGetRule      = unix.ETHTOOL_GRXCLSRULE
	commandGetLocations = unix.ETHTOOL_GRXCLSRLALL
	commandDelete       = unix.ETHTOOL_SRXCLSRLDEL
	commandInsert       = unix.ETHTOOL_SRXCLSRLINS
	mostRules           = 1 << 16 // more than any card has
)

func newRequest(command uint32, locations int) request {
	r := make(request, max(requestSize, atLocations+4*locations))
	r.put32(atCommand, command)
	return r
}

func (r request) put32(at int, v uint32) { binary.NativeEndian.PutUint32(r[at:], v) }
func (r request) get32(at int) uint32    { return binary.NativeEndian.Uint32(r[at:]) }
func (r request) put64(at int, v uint64) { binary.NativeEndian.PutUint64(r[at:], v) }
func (r request) get64(at int) uint64    { return binary.NativeEndian.Uint64(r[at:]) }

// put writes a rule: all of the port is compared, and nothing else.
func (r request) put(rule Rule, location uint32) {
	flow, port := uint32(udpV4), portInV4
	if rule.V6 {
		flow, port = udpV6, portInV6
	}
	r.put32(atFlow, flow)
	binary.BigEndian.PutUint16(r[atHeader+port:], rule.Port)
	binary.BigEndian.PutUint16(r[atMask+port:], 0xffff)
	r.put64(atCookie, uint64(rule.Queue))
	r.put32(atLocation, location)
}

// is reports whether the request holds just this rule, wherever it lies.
func (r request) is(rule Rule) bool {
	want := newRequest(0, 0)
	want.put(rule, r.get32(atLocation))
	return string(want[atSpec:atSpec+specSize]) == string(r[atSpec:atSpec+specSize])
}

package netlinkmon

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A stack is how a link stands to the links below and above it. A card, and
// whatever else has frames of its own, has the zero value.
type stack struct {
	kind   string // the kernel's word for a device made of others: vlan, bond, bridge …
	parent int    // the link that it is made on; 0 without
	abroad bool   // which is in another namespace
	master int    // the link that it is a part of; 0 without

	vlan   uint16 // of a VLAN device: its tag's identifier
	tag    uint16 // and its EtherType
	mode   uint8  // of a bond
	backup bool   // of a bond's member: the bond neither sends by it nor takes from it
	dead   bool   // the same: the bond's own watch finds it down
	table  uint32 // of a VRF: where its routes are; never 0
}

// What a bond says of a member (linux/if_link.h, linux/if_bonding.h).
const (
	bondStateActive = 0
	bondLinkUp      = 0
)

// parse reads an attribute of a link that says how it stands to others.
func (s *stack) parse(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_LINK:
		s.parent = int(number(v))
	case unix.IFLA_LINK_NETNSID:
		s.abroad = true
	case unix.IFLA_MASTER:
		s.master = int(number(v))
	case unix.IFLA_LINKINFO:
		s.parseInfo(v)
	}
}

func (s *stack) parseInfo(b []byte) {
	var data, member []byte
	var memberOf string
	for kind, v := range attributes(b) {
		switch kind {
		case nl.IFLA_INFO_KIND:
			s.kind = unix.ByteSliceToString(v)
		case nl.IFLA_INFO_DATA:
			data = v
		case nl.IFLA_INFO_SLAVE_KIND:
			memberOf = unix.ByteSliceToString(v)
		case nl.IFLA_INFO_SLAVE_DATA:
			member = v
		}
	}
	switch s.kind {
	case "vlan":
		s.parseVLAN(data)
	case "bond":
		s.parseBond(data)
	case "vrf":
		s.parseVRF(data)
	}
	if memberOf == "bond" {
		s.parseMember(member)
	}
}

func (s *stack) parseVLAN(b []byte) {
	for kind, v := range attributes(b) {
		switch {
		case len(v) != 2:
		case kind == nl.IFLA_VLAN_ID:
			s.vlan = native.Uint16(v)
		case kind == nl.IFLA_VLAN_PROTOCOL:
			s.tag = binary.BigEndian.Uint16(v)
		}
	}
}

func (s *stack) parseBond(b []byte) {
	for kind, v := range attributes(b) {
		if kind == nl.IFLA_BOND_MODE && len(v) == 1 {
			s.mode = v[0]
		}
	}
}

func (s *stack) parseVRF(b []byte) {
	for kind, v := range attributes(b) {
		if kind == nl.IFLA_VRF_TABLE {
			s.table = number(v)
		}
	}
}

func (s *stack) parseMember(b []byte) {
	for kind, v := range attributes(b) {
		switch {
		case len(v) != 1:
		case kind == nl.IFLA_BOND_SLAVE_STATE:
			s.backup = v[0] != bondStateActive
		case kind == nl.IFLA_BOND_SLAVE_MII_STATUS:
			s.dead = v[0] != bondLinkUp
		}
	}
}

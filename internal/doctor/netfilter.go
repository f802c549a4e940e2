package doctor

import (
	"encoding/binary"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Chain is a chain of nftables that drops packets.
type Chain struct {
	Name    string   // family, table and chain, as in "inet filter input"
	Default bool     // it drops what no rule of it lets pass
	Ports   []uint16 // of BFD, that a rule of it drops by name
}

// nfFamilies are the names of nftables' families by number.
var nfFamilies = map[byte]string{1: "inet", unix.AF_INET: "ip", 3: "arp", 5: "netdev", unix.AF_BRIDGE: "bridge", unix.AF_INET6: "ip6"}

// nfList asks for all objects of a kind and calls f with the attributes of each. No
// right to ask means none; the check of capabilities says so.
func nfList(get int, f func(family string, attrs map[uint16][]byte)) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|get, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
	messages, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return
	}
	for _, m := range messages {
		if attrs, err := attributes(m, nl.SizeofNfgenmsg); err == nil {
			f(nfFamilies[m[0]], attrs)
		}
	}
}

// nftables returns the tables of this network namespace, those of iptables-nft
// among them.
func nftables() (names []string) {
	nfList(unix.NFT_MSG_GETTABLE, func(family string, attrs map[uint16][]byte) {
		if name := attrs[unix.NFTA_TABLE_NAME]; len(name) > 0 {
			names = append(names, family+" "+unix.ByteSliceToString(name))
		}
	})
	return names
}

// dropping returns the chains that drop by default, or BFD's ports by name.
func dropping() (list []Chain) {
	at := func(name string) *Chain {
		i := slices.IndexFunc(list, func(c Chain) bool { return c.Name == name })
		if i < 0 {
			list, i = append(list, Chain{Name: name}), len(list)
		}
		return &list[i]
	}
	full := func(family string, table, chain []byte) string {
		return family + " " + unix.ByteSliceToString(table) + " " + unix.ByteSliceToString(chain)
	}
	nfList(unix.NFT_MSG_GETCHAIN, func(family string, attrs map[uint16][]byte) {
		if policy := attrs[unix.NFTA_CHAIN_POLICY]; len(policy) == 4 && binary.BigEndian.Uint32(policy) == nfDrop {
			at(full(family, attrs[unix.NFTA_CHAIN_TABLE], attrs[unix.NFTA_CHAIN_NAME])).Default = true
		}
	})
	nfList(unix.NFT_MSG_GETRULE, func(family string, attrs map[uint16][]byte) {
		if ports := droppedPorts(attrs[unix.NFTA_RULE_EXPRESSIONS]); ports != nil {
			c := at(full(family, attrs[unix.NFTA_RULE_TABLE], attrs[unix.NFTA_RULE_CHAIN]))
			c.Ports = append(c.Ports, ports...)
		}
	})
	return list
}

// nfDrop is the kernel's NF_DROP.
const nfDrop = 0

// droppedPorts returns the ports of BFD with which a rule compares something, if it
// drops or rejects what it matches; nil if not. Sets it does not look into.
func droppedPorts(expressions []byte) (ports []uint16) {
	list, err := attributeList(expressions)
	if err != nil {
		return nil
	}
	drops := false
	for _, e := range list {
		expr, _ := attributes(e.Value, 0)
		data, _ := attributes(expr[unix.NFTA_EXPR_DATA], 0)
		switch unix.ByteSliceToString(expr[unix.NFTA_EXPR_NAME]) {
		case "cmp":
			value, _ := attributes(data[unix.NFTA_CMP_DATA], 0)
			if b := value[unix.NFTA_DATA_VALUE]; len(b) == 2 && slices.Contains(bfdPorts, binary.BigEndian.Uint16(b)) {
				ports = append(ports, binary.BigEndian.Uint16(b))
			}
		case "immediate":
			value, _ := attributes(data[unix.NFTA_IMMEDIATE_DATA], 0)
			verdict, _ := attributes(value[unix.NFTA_DATA_VERDICT], 0)
			code := verdict[unix.NFTA_VERDICT_CODE]
			drops = drops || len(code) == 4 && binary.BigEndian.Uint32(code) == nfDrop
		case "reject":
			drops = true
		}
	}
	if !drops {
		return nil
	}
	return ports
}

package bpf

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/packet"
)

// addrKey has the layout of struct addr_key in src/match.h.
type addrKey struct {
	ifindex uint32
	addr    packet.Addr
}

// addrSet is a table of addresses that several sessions may need: each stays
// until the last of them lets go.
type addrSet struct {
	table *ebpf.Map
	users map[addrKey]int
}

// hold adds k, or one more user of it.
func (s *addrSet) hold(k addrKey) error {
	if s.users[k] == 0 {
		if err := s.table.Put(k, uint8(1)); err != nil {
			return fmt.Errorf("add address %s to XDP: %w", k.addr.Netip(), err)
		}
	}
	s.users[k]++
	return nil
}

// drop undoes one hold.
func (s *addrSet) drop(k addrKey) error {
	if s.users[k]--; s.users[k] > 0 {
		return nil
	}
	delete(s.users, k)
	if err := s.table.Delete(k); err != nil {
		return fmt.Errorf("delete address %s from XDP: %w", k.addr.Netip(), err)
	}
	return nil
}

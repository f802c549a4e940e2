package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/packet"
)

// addrKey has the layout of struct addr_key in src/match.h.
type addrKey struct {
	ifindex uint64
	addr    packet.Addr
}

// addrSet is a table of addresses that several sessions may need: each stays
// until the last of them lets go. Most have one user, which the table itself tells.
type addrSet struct {
	table *ebpf.Map
	more  map[addrKey]int // users besides the first; none is not kept
}

// hold adds k, or one more user of it.
func (s *addrSet) hold(k addrKey) error {
	err := s.table.Update(k, uint8(1), ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) {
		s.more[k]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("add address %s to XDP: %w", k.addr.Netip(), err)
	}
	return nil
}

// drop undoes one hold.
func (s *addrSet) drop(k addrKey) error {
	if n := s.more[k]; n > 1 {
		s.more[k]--
		return nil
	} else if n == 1 {
		delete(s.more, k)
		return nil
	}
	if err := s.table.Delete(k); err != nil {
		return fmt.Errorf("delete address %s from XDP: %w", k.addr.Netip(), err)
	}
	return nil
}

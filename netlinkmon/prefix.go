package netlinkmon

import (
	"iter"
	"net/netip"
	"slices"
)

// hop is one reason to believe that a prefix is directly connected: an address
// on an interface, or a route without a router.
type hop struct {
	ifindex int
	local   netip.Addr // the address, or the source address the route prefers
	route   bool
	metric  uint32 // of a route
	table   uint32 // of a route
}

// prefixes finds the connected prefixes that hold an address, longest first,
// in as many look-ups as there are different prefix lengths.
type prefixes struct {
	hops map[netip.Prefix][]hop
	len4 [33]int // how many prefixes of each length
	len6 [129]int
	from map[netip.Addr]map[netip.Prefix]struct{} // where the routes that prefer a source lead
}

func newPrefixes() prefixes {
	return prefixes{
		hops: make(map[netip.Prefix][]hop),
		from: make(map[netip.Addr]map[netip.Prefix]struct{}),
	}
}

func (p *prefixes) lengths(is4 bool) []int {
	if is4 {
		return p.len4[:]
	}
	return p.len6[:]
}

// add enters a hop, once.
func (p *prefixes) add(prefix netip.Prefix, h hop) {
	list := p.hops[prefix]
	if slices.Contains(list, h) {
		return
	}
	if len(list) == 0 {
		p.lengths(prefix.Addr().Is4())[prefix.Bits()]++
	}
	p.hops[prefix] = append(list, h)
	p.index(prefix, h)
}

func (p *prefixes) index(prefix netip.Prefix, h hop) {
	if !h.route || !h.local.IsValid() {
		return
	}
	if p.from[h.local] == nil {
		p.from[h.local] = make(map[netip.Prefix]struct{}, 1)
	}
	p.from[h.local][prefix] = struct{}{}
}

func (p *prefixes) unindex(prefix netip.Prefix, h hop) {
	delete(p.from[h.local], prefix)
	if len(p.from[h.local]) == 0 {
		delete(p.from, h.local)
	}
}

// remove takes out every hop to prefix that match accepts.
func (p *prefixes) remove(prefix netip.Prefix, match func(hop) bool) {
	list, ok := p.hops[prefix]
	if !ok {
		return
	}
	for _, h := range list {
		p.unindex(prefix, h)
	}
	list = slices.DeleteFunc(list, match)
	for _, h := range list {
		p.index(prefix, h)
	}
	if len(list) > 0 {
		p.hops[prefix] = list
		return
	}
	delete(p.hops, prefix)
	p.lengths(prefix.Addr().Is4())[prefix.Bits()]--
}

// removeFrom takes out every route of a table that prefers a source.
func (p *prefixes) removeFrom(source netip.Addr, table uint32) {
	for prefix := range p.from[source] {
		p.remove(prefix, func(h hop) bool { return h.route && h.local == source && h.table == table })
	}
}

// removeAll takes out every hop that match accepts.
func (p *prefixes) removeAll(match func(hop) bool) {
	for prefix := range p.hops {
		p.remove(prefix, match)
	}
}

// holding yields the hops of every prefix that holds ip, the longest prefix first.
func (p *prefixes) holding(ip netip.Addr) iter.Seq[[]hop] {
	return func(yield func([]hop) bool) {
		for bits, n := range slices.Backward(p.lengths(ip.Is4())) {
			if n == 0 {
				continue
			}
			prefix, err := ip.Prefix(bits)
			if err != nil {
				continue
			}
			if list, ok := p.hops[prefix]; ok && !yield(list) {
				return
			}
		}
	}
}

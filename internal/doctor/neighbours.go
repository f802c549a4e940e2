package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// maxNamed is how many peers one sentence names.
const maxNamed = 3

// resolved are the states of an entry that holds a link-layer address.
const resolved = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT | unix.NUD_NOARP

// neighbours says whether the kernel knows the MAC of each peer: without, packets
// leave by sockets, and none arrive.
func neighbours(h *Host) []Finding {
	const check = "neighbours"
	if h.Want.From == "" {
		return say(check, OK, "no peers to look at: name a configuration by -c, or start the daemon")
	}
	var wrong []string
	found, unknown, all := 0, 0, 0
	for _, p := range h.Want.Peers {
		if p.Multihop {
			continue
		}
		all++
		switch state, known := h.neighbour(p); {
		case !known:
			unknown++
		case state&resolved != 0:
			found++
		default:
			wrong = append(wrong, fmt.Sprintf("%v", p.Addr))
		}
	}
	switch {
	case all == 0:
		return say(check, OK, "%s names no single-hop peer", h.Want.From)
	case wrong != nil:
		more := ""
		if n := len(wrong) - maxNamed; n > 0 {
			wrong, more = wrong[:maxNamed], fmt.Sprintf(" and %d more", n)
		}
		return say(check, Warn, "nobody answers to %s%s: look at the cable, the VLAN and the peer's address (%d of %d "+
			"peers are resolved)", strings.Join(wrong, ", "), more, found, all)
	case unknown > 0:
		return say(check, OK, "%d of %d peers are resolved; xbfd asks for the others as soon as it runs", found, all)
	}
	return say(check, OK, "%d of %d single-hop peers are resolved", found, all)
}

func (h *Host) neighbour(p Peer) (state int, known bool) {
	for _, n := range h.Neighbours {
		if n.Addr == p.Addr.WithZone("") && (p.Interface == "" || p.Interface == n.Interface) {
			state, known = state|n.State, true
		}
	}
	return state, known
}

// neighbourTable: entries of peers are kept, and count against a limit that all
// network namespaces share.
func neighbourTable(h *Host) []Finding {
	var list []Finding
	for _, family := range []struct {
		name string
		is   func(netip.Addr) bool
	}{{"ipv4", netip.Addr.Is4}, {"ipv6", netip.Addr.Is6}} {
		limit, ok := h.number("/proc/sys/net/" + family.name + "/neigh/default/gc_thresh3")
		if !ok {
			continue
		}
		entries, peers := map[netip.Addr]bool{}, 0
		for _, n := range h.Neighbours {
			entries[n.Addr] = entries[n.Addr] || family.is(n.Addr)
		}
		need := int64(0)
		for _, p := range h.Want.Peers {
			if !p.Multihop && family.is(p.Addr) {
				peers++
				entries[p.Addr.WithZone("")] = true
			}
		}
		for addr := range entries {
			if family.is(addr) {
				need++
			}
		}
		list = append(list, tableRoom(family.name, limit, need, peers)...)
	}
	if list == nil {
		return say("neighbour-table", OK, "the limit (gc_thresh3, 1024 unless it was raised) is not to be seen from a network "+
			"namespace of its own: ask the host's")
	}
	return list
}

func tableRoom(family string, limit, need int64, peers int) []Finding {
	const check = "neighbour-table"
	remedy := fmt.Sprintf("sysctl -w net.%s.neigh.default.gc_thresh3=%d", family, max(8192, 2*need))
	switch {
	case need > limit:
		return say(check, Fail, "%s: %d entries are needed, those of %d peers included, and gc_thresh3 allows %d: %s", family, need, peers, limit, remedy)
	case need*5 > limit*4:
		return say(check, Warn, "%s: %d entries are needed, those of %d peers included, and gc_thresh3 allows %d, for all "+
			"namespaces together: %s", family, need, peers, limit, remedy)
	}
	return say(check, OK, "%s: room for %d entries, and %d are needed, those of %d peers included", family, limit, need, peers)
}

// packetCost is what one small datagram takes of a socket's buffer.
const packetCost = 768

// receiveBuffers: where packets come by sockets, those of a moment must fit.
func receiveBuffers(h *Host) []Finding {
	const check = "receive-buffers"
	size, ok := h.number("/proc/sys/net/core/rmem_default")
	if !ok {
		return nil
	}
	room, peers := size/packetCost, int64(len(h.Want.Peers))
	if peers > room && h.onlySockets() {
		return say(check, Warn, "a UDP socket holds %d packets (net.core.rmem_default is %d) and there are %d sessions: sysctl -w "+
			"net.core.rmem_default=%d", room, size, peers, 4*peers*packetCost)
	}
	return say(check, OK, "a UDP socket holds %d packets (net.core.rmem_default is %d); rings do not depend on it", room, size)
}

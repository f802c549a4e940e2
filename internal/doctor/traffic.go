package doctor

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// bfdPorts are UDP ports of BFD: single hop, Echo, multihop.
var bfdPorts = []uint16{3784, 3785, 4784}

// daemons looks for programs that have BFD's ports.
func daemons(h *Host) []Finding {
	const check = "other-daemons"
	inodes := h.portInodes()
	if len(inodes) == 0 {
		return say(check, OK, "nobody has UDP ports 3784, 3785 or 4784")
	}
	owners := h.owners(inodes)
	var list []Finding
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		ports := joinPorts(owners[owner])
		switch {
		case strings.HasPrefix(owner, "xbfd (pid "):
			list = append(list, say(check, OK, "%s has UDP port %s: a daemon runs", owner, ports)...)
		case h.onlySockets():
			list = append(list, say(check, Fail, "%s has UDP port %s, and there is no AF_XDP to do without it: stop that program, or "+
				"use an interface with XDP", owner, ports)...)
		default:
			list = append(list, say(check, Warn, "%s has UDP port %s: xbfd runs beside it over AF_XDP, if that program starts first, "+
				"but not over sockets, and both must not have the same peers", owner, ports)...)
		}
	}
	return list
}

// onlySockets tells whether no interface will have AF_XDP.
func (h *Host) onlySockets() bool {
	for i := range h.Links {
		l := &h.Links[i]
		if h.NoXDP == nil && h.NoBPF == nil && h.Want.transport(l.Name) != "udp" && l.foreign() == nil {
			return false
		}
	}
	return len(h.Links) > 0
}

// portInodes returns the sockets that have BFD's ports, and which. Each line of
// the kernel's tables has a number, local address:port, the remote one, five more
// fields, and the inode.
func (h *Host) portInodes() map[string]uint16 {
	inodes := make(map[string]uint16)
	for _, table := range []string{"/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"} {
		for line := range strings.Lines(h.text(table)) {
			f := strings.Fields(line)
			if len(f) < 10 {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil && slices.Contains(bfdPorts, uint16(port)) {
				inodes[f[9]] = uint16(port)
			}
		}
	}
	return inodes
}

// owners returns the programs that hold the sockets, as "name (pid 1)", and their
// ports.
func (h *Host) owners(inodes map[string]uint16) map[string][]uint16 {
	owners := make(map[string][]uint16)
	left := maps.Clone(inodes)
	fds, _ := fs.Glob(h.FS, "proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := fs.ReadLink(h.FS, fd)
		inode, ok := strings.CutPrefix(target, "socket:[")
		inode = strings.TrimSuffix(inode, "]")
		port, known := inodes[inode]
		if err != nil || !ok || !known {
			continue
		}
		pid := strings.Split(fd, "/")[1]
		name := h.text("/proc/" + pid + "/comm")
		if pid == strconv.Itoa(h.Want.Process) {
			name = "xbfd"
		}
		owner := fmt.Sprintf("%s (pid %s)", name, pid)
		owners[owner] = append(owners[owner], port)
		delete(left, inode)
	}
	for _, port := range left {
		const hidden = "a program that cannot be seen from here"
		owners[hidden] = append(owners[hidden], port)
	}
	return owners
}

func joinPorts(ports []uint16) string {
	slices.Sort(ports)
	var text []string
	for _, p := range slices.Compact(ports) {
		text = append(text, strconv.Itoa(int(p)))
	}
	return strings.Join(text, ", ")
}

// firewall: whoever relies on rules about BFD should know that they do not apply.
func firewall(h *Host) []Finding {
	const check = "firewall"
	tables := slices.Clone(h.Tables)
	for file, name := range map[string]string{"ip_tables_names": "iptables ", "ip6_tables_names": "ip6tables "} {
		for _, table := range strings.Fields(h.text("/proc/thread-self/net/" + file)) {
			tables = append(tables, name+table)
		}
	}
	if len(tables) == 0 {
		return say(check, OK, "there are no nftables or iptables tables in this network namespace")
	}
	slices.Sort(tables)
	list := say(check, Warn, "there are tables (%s), and frames that XDP steers bypass them: authenticate sessions rather than "+
		"filter them; where packets go by sockets, let UDP ports 3784, 3785 and 4784 in and out", strings.Join(tables, ", "))
	for _, c := range h.Dropping {
		switch {
		case len(c.Ports) > 0:
			list = append(list, say(check, Warn, "nftables chain %s drops UDP port %s: frames that XDP steers pass all the same, "+
				"but no packet that goes by sockets: take the rule out", c.Name, joinPorts(c.Ports))...)
		default:
			list = append(list, say(check, Warn, "nftables chain %s drops what no rule lets pass: where packets go by sockets it needs "+
				"one for UDP ports 3784, 3785 and 4784", c.Name)...)
		}
	}
	return list
}

// echoPath is about what the kernel would do to echoes and to packets that came by
// another way than the one back.
func echoPath(h *Host) []Finding {
	multihop := slices.ContainsFunc(h.Want.Peers, func(p Peer) bool { return p.Multihop })
	return h.each("echo", func(l *Link) (string, string) {
		filter := max(h.setting("ipv4/conf/all/rp_filter"), h.setting("ipv4/conf/"+l.Name+"/rp_filter"))
		echo := slices.ContainsFunc(h.Want.Peers, func(p Peer) bool { return p.Echo && (p.Interface == "" || p.Interface == l.Name) })
		switch {
		case echo && h.Want.transport(l.Name) == "udp":
			return Warn, "echoes need AF_XDP, and this interface is to use sockets: set its transport to auto"
		case multihop && filter == 1:
			return Warn, fmt.Sprintf("net.ipv4.conf.%s.rp_filter is 1 (strict): packets of multihop peers that come by another "+
				"interface than the route back are dropped; set 2", l.Name)
		}
		return OK, fmt.Sprintf("XDP and rings return the peer's echoes and take ours, so forwarding (%d), rp_filter (%d) and "+
			"accept_local (%d) do not matter here; they do at the peer",
			h.setting("ipv4/ip_forward"), filter, max(h.setting("ipv4/conf/all/accept_local"), h.setting("ipv4/conf/"+l.Name+"/accept_local")))
	})
}

// setting returns a number below /proc/sys/net, 0 if there is none.
func (h *Host) setting(name string) int64 {
	n, _ := h.number("/proc/sys/net/" + name)
	return n
}

package doctor

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Here looks at the running host, in the calling thread's network namespace. Of
// its interfaces it takes the one that only names, or else all Ethernet ones that
// are up.
func Here(want Want, only string) (*Host, error) {
	h := &Host{FS: os.DirFS("/"), Want: want}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	h.Release = unix.ByteSliceToString(name.Release[:])
	h.TimerSlack, _ = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return nil, fmt.Errorf("read capabilities: %w", err)
	}
	h.Caps = uint64(caps[1].Effective)<<32 | uint64(caps[0].Effective)
	for _, l := range []struct {
		what int
		into *uint64
	}{{unix.RLIMIT_MEMLOCK, &h.LockedMemory}, {unix.RLIMIT_RTPRIO, &h.Priority}} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(l.what, &limit); err != nil {
			return nil, fmt.Errorf("read resource limits: %w", err)
		}
		*l.into = limit.Cur
	}
	h.NoXDP, h.NoBPF = tryXDP(), tryBPF()
	if err := h.lookAtLinks(only); err != nil {
		return nil, err
	}
	// Asking for tables would make the kernel load nf_tables where it is not.
	_, err := os.Stat("/sys/module/nf_tables")
	if within, _ := h.built("CONFIG_NF_TABLES"); within || err == nil {
		h.Tables, h.Dropping = nftables(), dropping()
	}
	return h, nil
}

// tryXDP opens a socket as rings need it, and closes it.
func tryXDP() error {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// tryBPF makes the smallest of maps and drops it.
func tryBPF() error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return err
	}
	return m.Close()
}

// lookAtLinks reads interfaces and neighbours.
func (h *Host) lookAtLinks(only string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	lowers, err := netlinkmon.ListLowers()
	if err != nil {
		return err
	}
	names := make(map[int]string)
	for _, link := range links {
		a := link.Attrs()
		names[a.Index] = a.Name
		if only != "" && a.Name != only && !below(lowers, only, a.Index) || only == "" && !candidate(a) {
			continue
		}
		l := Link{Name: a.Name, Index: a.Index, Driver: driver(a.Name), Rx: rxQueues(a), NTuple: ntuple(a.Name), Ingress: atIngress(link), Features: xdpFeatures(a.Index)}
		l.Lowers = lowers[a.Name]
		if underVLAN(lowers, a.Index) {
			l.Tags = tags(link)
		}
		if l.XDP = bpf.Attached(a.Index); l.XDP != nil {
			l.XDP.Seek()
		}
		h.Links = append(h.Links, l)
	}
	if only != "" && !slices.ContainsFunc(h.Links, func(l Link) bool { return l.Name == only }) {
		h.Missing = only
	}
	neighbours, err := netlink.NeighList(0, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	for _, n := range neighbours {
		if addr, ok := netip.AddrFromSlice(n.IP); ok && (n.Family == unix.AF_INET || n.Family == unix.AF_INET6) {
			h.Neighbours = append(h.Neighbours, Neighbour{addr.Unmap(), names[n.LinkIndex], n.State})
		}
	}
	return nil
}

// below tells an interface that carries frames of another.
func below(lowers map[string]*netlinkmon.Lowers, upper string, index int) bool {
	l := lowers[upper]
	return l != nil && slices.ContainsFunc(l.Members, func(m netlinkmon.Lower) bool { return m.Ifindex == index })
}

// candidate tells an interface that may lead to peers.
func candidate(a *netlink.LinkAttrs) bool {
	const up = unix.IFF_UP
	return a.EncapType == "ether" && a.RawFlags&up != 0 && a.RawFlags&unix.IFF_LOOPBACK == 0
}

// rxQueues returns how many receive queues an interface has.
func rxQueues(a *netlink.LinkAttrs) int {
	if n := channels(a.Name); n > 0 {
		return n
	}
	return a.NumRxQueues
}

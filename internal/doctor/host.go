package doctor

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Host is what the checks look at. Here fills it from the running system.
type Host struct {
	FS      fs.FS  // its root directory: /proc, /sys, /dev, /boot
	Release string // of the kernel, such as "6.12.3-amd64"
	Caps    uint64 // effective capabilities of the caller, as bits

	TimerSlack   int    // of the caller, ns
	LockedMemory uint64 // bytes the caller may lock (RLIMIT_MEMLOCK)
	Priority     uint64 // highest real-time priority it may take (RLIMIT_RTPRIO)

	NoXDP, NoBPF error // what the kernel says to a socket of AF_XDP and to a BPF map; nil: it gives them

	Links      []Link   // those to look at
	Missing    string   // an interface that was asked for and is not there
	Tables     []string // of nftables
	Dropping   []Chain  // of those
	Neighbours []Neighbour
	Wakeups    *Wakeups
	Want       Want
}

// Link is one network interface.
type Link struct {
	Name, Driver string
	Index        int
	Features     *uint64 // of XDP, as bits of the kernel's netdev family; nil when it does not say
	Rx           int     // receive queues; 0 when not known
	NTuple       bool
	XDP          *bpf.BusyError     // what is attached, ours too; nil: nothing
	Ingress      []Program          // at tc ingress
	Lowers       *netlinkmon.Lowers // what it is made of; nil: it is not
	Tags         string             // what becomes of VLAN tags on it: TagsTaken, TagsBeside; "" where XDP sees them, or there are none
}

// Program is a BPF program at an interface's tc ingress.
type Program struct {
	ID   uint32
	Name string // empty when it cannot be seen
}

// ours tells xbfd's programs by the names that their source gives them.
func (p Program) ours() bool { return ours(p.Name) }

func ours(name string) bool { return name == "xbfd" || strings.HasPrefix(name, "xbfd_") }

// foreign is another's XDP program on an interface, nil if there is none.
func (l *Link) foreign() *bpf.BusyError {
	if l.XDP == nil || ours(l.XDP.Name) {
		return nil
	}
	return l.XDP
}

// String names the program for people.
func (p Program) String() string {
	if p.Name == "" {
		return "id " + strconv.FormatUint(uint64(p.ID), 10)
	}
	return strconv.Quote(p.Name) + ", id " + strconv.FormatUint(uint64(p.ID), 10)
}

// Neighbour is an entry of the kernel's neighbour tables.
type Neighbour struct {
	Addr      netip.Addr
	Interface string
	State     int // NUD_… bits
}

// Want is what the host is wanted for.
type Want struct {
	From      string                     // who says so, for people; empty: nobody
	Process   int                        // the daemon's, if it says so; otherwise 0
	Transport func(ifname string) string // "auto" and so on; nil: auto everywhere
	Priority  int                        // of workers under SCHED_FIFO; 0: normal scheduling
	CPUs      []int                      // they are pinned to; empty: any
	Peers     []Peer
}

// Peer is one session that is wanted.
type Peer struct {
	Addr      netip.Addr
	Interface string // empty: the route's choice
	Multihop  bool
	Interval  uint32 // microseconds, the shorter of the two directions
	Mult      uint8
	Echo      bool
}

// text returns a file without the space around it, "" if it cannot be read.
func (h *Host) text(name string) string {
	b, err := fs.ReadFile(h.FS, strings.TrimPrefix(name, "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns what a file holds, or false.
func (h *Host) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(h.text(name), 10, 64)
	return n, err == nil
}

// has tells whether the caller has a capability.
func (h *Host) has(capability int) bool { return h.Caps&(1<<capability) != 0 }

// version returns the first two numbers of the kernel's release.
func (h *Host) version() (major, minor int) {
	parts := strings.FieldsFunc(h.Release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) > 1 {
		major, _ = strconv.Atoi(parts[0])
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}

func (h *Host) atLeast(major, minor int) bool {
	a, b := h.version()
	return a > major || a == major && b >= minor
}

// built tells whether the kernel was built with an option; known is false when
// its configuration is not to be found.
func (h *Host) built(option string) (with, known bool) {
	config := h.text("/boot/config-" + h.Release)
	if f, err := h.FS.Open("proc/config.gz"); err == nil {
		defer f.Close()
		if z, err := gzip.NewReader(f); err == nil {
			if b, err := io.ReadAll(io.LimitReader(z, 8<<20)); err == nil {
				config = string(b)
			}
		}
	}
	return slices.Contains(strings.Split(config, "\n"), option+"=y"), config != ""
}

// groups returns the directories of the caller's control group of a controller
// (version 1) or of version 2, where controller is "", and of those above it, the
// caller's first.
func (h *Host) groups(controller string) (dirs []string) {
	mount, root := h.groupMount(controller)
	if mount == "" {
		return nil
	}
	for line := range strings.Lines(h.text("/proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || !slices.Contains(strings.Split(f[1], ","), controller) {
			continue
		}
		for below := strings.TrimPrefix(f[2], strings.TrimSuffix(root, "/")); ; below = path.Dir(below) {
			dirs = append(dirs, path.Join(mount, below))
			if below == "/" || below == "." || below == "" {
				return dirs
			}
		}
	}
	return nil
}

// groupMount returns where a hierarchy of control groups is mounted, and which
// part of it.
func (h *Host) groupMount(controller string) (mount, root string) {
	for line := range strings.Lines(h.text("/proc/self/mountinfo")) {
		left, right, found := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !found || len(l) < 5 || len(r) < 3 {
			continue
		}
		if controller == "" && r[0] == "cgroup2" || r[0] == "cgroup" && slices.Contains(strings.Split(r[2], ","), controller) {
			return l[4], l[3]
		}
	}
	return "", ""
}

package doctor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

const (
	nothing = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
	cgroup1 = "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct\n"
	cgroup2 = "29 23 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
)

// healthy has nothing that a check finds fault with.
var healthy = files{
	"/sys/kernel/btf/vmlinux":                             "x",
	"/proc/config.gz":                                     zipped("CONFIG_BPF=y\n# CONFIG_RT_GROUP_SCHED is not set\n"),
	"/proc/sys/kernel/sched_rt_runtime_us":                "950000\n",
	"/proc/sys/kernel/sched_rt_period_us":                 "1000000\n",
	"/proc/self/mountinfo":                                cgroup2,
	"/proc/self/cgroup":                                   "0::/system.slice/xbfd.service\n",
	"/proc/thread-self/net/udp":                           nothing,
	"/proc/thread-self/net/udp6":                          nothing,
	"/proc/sys/net/core/rmem_default":                     "212992\n",
	"/sys/fs/cgroup/system.slice/xbfd.service/cpu.max":    "max 100000\n",
	"/proc/sys/net/ipv4/neigh/default/gc_thresh3":         "1024\n",
	"/proc/sys/net/ipv6/neigh/default/gc_thresh3":         "1024\n",
	"/sys/devices/system/cpu/cpuidle/current_driver":      "intel_idle\n",
	"/sys/devices/system/cpu/cpu0/cpuidle/state1/name":    "C1\n",
	"/sys/devices/system/cpu/cpu0/cpuidle/state1/latency": "2\n",
	"/sys/devices/system/cpu/cpu0/cpuidle/state1/disable": "0\n",
}

// files are a host's, by their paths; a path that ends in @ is a symbolic link.
type files map[string]string

func (f files) fs() fs.FS {
	m := fstest.MapFS{}
	for name, text := range f {
		if link, ok := strings.CutSuffix(name, "@"); ok {
			m[strings.TrimPrefix(link, "/")] = &fstest.MapFile{Data: []byte(text), Mode: fs.ModeSymlink}
			continue
		}
		m[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// with returns f and more.
func (f files) with(more files) files {
	all := files{}
	for _, from := range []files{f, more} {
		for name, text := range from {
			all[name] = text
		}
	}
	return all
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// socket is a line of /proc/net/udp.
func socket(port int, inode string) string {
	return fmt.Sprintf("  100: 00000000:%04X 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 %s 2 0000000000000000 0\n", port, inode)
}

// host is one that is healthy but for what change does.
func host(more files, change func(*Host)) *Host {
	can := uint64(xdpBasic | xdpRedirect | xdpZeroCopy)
	h := &Host{
		FS: healthy.with(more).fs(), Release: "6.12.3-amd64", TimerSlack: 50_000, LockedMemory: 8 << 20,
		Caps:    1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_BPF | 1<<unix.CAP_IPC_LOCK,
		Links:   []Link{{Name: "eth0", Driver: "ice", Index: 2, Rx: 1, Features: &can}},
		Wakeups: &Wakeups{Scheduling: "normal", Samples: 290, P50: 30, P99: 90, Max: 120, Lowest: 1000},
		Want:    Want{From: "xbfd.yaml", Peers: []Peer{peer("192.0.2.1")}},
		Neighbours: []Neighbour{
			{netip.MustParseAddr("192.0.2.1"), "eth0", unix.NUD_REACHABLE},
		},
	}
	if change != nil {
		change(h)
	}
	return h
}

func peer(addr string) Peer {
	return Peer{Addr: netip.MustParseAddr(addr), Interface: "eth0", Interval: 10_000, Mult: 3}
}

func udp(string) string { return "udp" }

func onlyXDP(string) string { return "xdp" }

func offers(b uint64) *uint64 { return &b }

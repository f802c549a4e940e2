package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/netlinkmon"
)

func TestHealthy(t *testing.T) {
	r := Examine(host(nil, nil))
	for _, f := range r.Findings {
		if f.Verdict != OK {
			t.Errorf("%+v", f)
		}
		if f.Text == "" || strings.HasSuffix(f.Text, ".") || strings.Contains(f.Text, "%!") {
			t.Errorf("no sentence of ours: %q", f.Text)
		}
	}
	if r.Findings[0].Check != "visibility" || !strings.HasPrefix(r.Findings[0].Text, "tcpdump") {
		t.Errorf("first comes %+v, not what tcpdump does not see", r.Findings[0])
	}
	if r.Fails() != 0 {
		t.Errorf("%d fail", r.Fails())
	}
}

func TestVerdicts(t *testing.T) {
	foreign := func(h *Host) { h.Links[0].XDP = &bpf.BusyError{ID: 7, Name: "cilium_xdp"} }
	dropping := func(c Chain) func(*Host) {
		return func(h *Host) { h.Tables, h.Dropping = []string{"inet filter"}, []Chain{c} }
	}
	noXDP := func(err error) func(*Host) { return func(h *Host) { h.NoXDP = err } }
	both := func(changes ...func(*Host)) func(*Host) {
		return func(h *Host) {
			for _, c := range changes {
				c(h)
			}
		}
	}
	one := []netlinkmon.Lower{{Name: "eth0", Active: true}}
	over := func(l *netlinkmon.Lowers) func(*Host) {
		return func(h *Host) { h.Links = append(h.Links, Link{Name: "upper", Lowers: l}) }
	}
	fifo := func(h *Host) { h.Want.Priority = 60 }
	rt := files{"/proc/config.gz": zipped("CONFIG_RT_GROUP_SCHED=y\n"), "/proc/self/mountinfo": cgroup1, "/proc/self/cgroup": "5:cpu,cpuacct:/a/b\n"}
	noRT := rt.with(files{"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.rt_runtime_us": "0\n"})
	deep := files{
		"/sys/devices/system/cpu/cpu1/cpuidle/state3/name": "C10", "/sys/devices/system/cpu/cpu1/cpuidle/state3/latency": "890",
		"/sys/devices/system/cpu/cpu1/cpuidle/state3/disable": "0",
	}
	bfdd := files{
		"/proc/thread-self/net/udp":  nothing + socket(3784, "991") + socket(53, "5") + socket(4784, "992"),
		"/proc/thread-self/net/udp6": nothing + socket(3784, "993"),
		"/proc/77/comm":              "bfdd\n", "/proc/77/fd/3@": "socket:[991]", "/proc/77/fd/4@": "socket:[992]", "/proc/77/fd/5@": "/dev/null",
	}
	for _, tt := range []struct {
		name, check, verdict, text string
		files                      files
		change                     func(*Host)
	}{
		{"old kernel", "kernel", Warn, "5.10.0 is older than 5.15", nil, func(h *Host) { h.Release = "5.10.0" }},
		{"oldest kernel", "kernel", Warn, "no bpf_link for XDP", nil, func(h *Host) { h.Release = "5.4.0-1-amd64" }},
		{"kernel without all", "kernel", OK, "no insurance by tc (since 6.6)", nil, func(h *Host) { h.Release = "6.1.9" }},
		{"odd release", "kernel", Warn, "Linux custom", nil, func(h *Host) { h.Release = "custom" }},
		{"no capabilities", "capabilities", Fail, "no CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF", nil, func(h *Host) { h.Caps = 0 }},
		{"CAP_SYS_ADMIN serves for CAP_BPF", "capabilities", OK, "", nil, func(h *Host) {
			h.Caps = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SYS_ADMIN
		}},
		{"fifo without the right", "capabilities", Fail, "the limit is 0", nil, fifo},
		{"fifo by limit", "capabilities", OK, "", nil, both(fifo, func(h *Host) { h.Priority = 60 })},
		{"fifo by capability", "capabilities", OK, "", nil, both(fifo, func(h *Host) { h.Caps |= 1 << unix.CAP_SYS_NICE })},
		{"kernel without AF_XDP", "af-xdp", Warn, "CONFIG_XDP_SOCKETS", nil, noXDP(unix.EAFNOSUPPORT)},
		{"AF_XDP forbidden", "af-xdp", Warn, "a seccomp filter", nil, noXDP(unix.EPERM)},
		{"AF_XDP wanted", "af-xdp", Fail, "transport: xdp of eth0", nil, both(noXDP(unix.EAFNOSUPPORT), func(h *Host) { h.Want.Transport = onlyXDP })},
		{"kernel without BPF", "bpf", Warn, "CONFIG_BPF_SYSCALL", nil, func(h *Host) { h.NoBPF = unix.ENOSYS }},
		{"BPF forbidden", "bpf", Warn, "a seccomp filter", nil, func(h *Host) { h.NoBPF = unix.EPERM }},
		{"little to lock", "locked-memory", Warn, "8192 KiB may be locked", nil, func(h *Host) { h.Caps &^= 1 << unix.CAP_IPC_LOCK }},
		{"enough to lock", "locked-memory", OK, "64 MiB may be locked", nil, func(h *Host) { h.Caps &^= 1 << unix.CAP_IPC_LOCK; h.LockedMemory = 64 << 20 }},
		{"maps count", "locked-memory", Warn, "before Linux 5.11", nil, func(h *Host) { h.Release = "5.10.1" }},

		{"copy mode", "xdp", OK, "copy mode", nil, func(h *Host) { h.Links[0].Features = offers(xdpBasic | xdpRedirect) }},
		{"no native XDP", "xdp", Warn, "generic XDP works", nil, func(h *Host) { h.Links[0].Features = offers(0) }},
		{"nothing known", "xdp", OK, "does not say", nil, func(h *Host) { h.Links[0].Features = nil }},
		{"sockets wanted", "xdp", OK, "as configured", nil, func(h *Host) { h.Want.Transport = udp }},
		{"no such interface", "xdp", Fail, "no such interface", nil, func(h *Host) { h.Links, h.Missing = nil, "eth7" }},
		{"no interface", "xdp", Warn, "no Ethernet interface", nil, func(h *Host) { h.Links = nil }},
		{"foreign program", "xdp-program", Warn, `attached: "cilium_xdp", id 7: xbfd leaves it`, nil, foreign},
		{"foreign program and no choice", "xdp-program", Fail, "ip link set eth0 xdp off", nil, both(foreign, func(h *Host) { h.Want.Transport = onlyXDP })},
		{"our program", "xdp-program", OK, "a daemon runs", nil, func(h *Host) { h.Links[0].XDP = &bpf.BusyError{ID: 8, Name: "xbfd"} }},
		{"unseen program", "xdp-program", Warn, "id 9 (bpftool", nil, func(h *Host) { h.Links[0].XDP = &bpf.BusyError{ID: 9} }},
		{"queues", "queues", OK, "opens them all", nil, func(h *Host) { h.Links[0].Rx, h.Links[0].NTuple = 8, true }},
		{"fewer queues than workers", "queues", Warn, "combined 3", nil, func(h *Host) { h.Links[0].Rx, h.Want.CPUs = 2, []int{1, 2, 3} }},
		{"many queues", "queues", Warn, "128 receive queues", nil, func(h *Host) { h.Links[0].Rx = 128 }},
		{"VLAN", "lowers", OK, "VLAN 7 of eth0: XDP takes its frames on eth0", nil, over(&netlinkmon.Lowers{Kind: "VLAN 7 of eth0", Members: one})},
		{"QinQ", "lowers", Warn, "sessions run over UDP sockets: two tags", nil, over(&netlinkmon.Lowers{Kind: "VLAN 8 of v7", Reason: "two tags"})},
		{"QinQ and no choice", "lowers", Fail, "set transport: auto", nil, both(func(h *Host) { h.Want.Transport = onlyXDP },
			over(&netlinkmon.Lowers{Kind: "VLAN 8 of v7", Reason: "two tags"}))},
		{"bridge", "lowers", OK, "XDP works on the interface itself", nil, over(&netlinkmon.Lowers{Kind: "bridge", Reason: "it learns", Own: true})},
		{"bond without an active member", "lowers", Warn, "no member is active", nil, over(&netlinkmon.Lowers{Kind: "bond", Members: []netlinkmon.Lower{{Name: "eth0"}}})},
		{"member of a strange kind", "lowers", Warn, "by v7: it is a vlan device", nil, over(&netlinkmon.Lowers{Kind: "bond", Members: []netlinkmon.Lower{
			{Name: "eth0", Active: true}, {Name: "v7", Reason: "it is a vlan device"}}})},
		{"member with somebody's program", "lowers", Warn, `by eth0: another XDP program is attached: "cilium_xdp", id 7`, nil,
			both(foreign, over(&netlinkmon.Lowers{Kind: "bond", Members: one}))},
		{"member held to sockets", "lowers", Warn, "by eth0: transport: udp is configured for it", nil, both(over(&netlinkmon.Lowers{Kind: "bond", Members: one}), func(h *Host) {
			h.Want.Transport = func(name string) string { return map[string]string{"eth0": "udp"}[name] }
		})},

		{"tags taken off", "vlan-tags", OK, "ethtool -K eth0 rx-vlan-offload off", nil, func(h *Host) { h.Links[0].Tags = TagsTaken }},
		{"tags beside the frames", "vlan-tags", Warn, "where XDP does not look", nil, func(h *Host) { h.Links[0].Tags = TagsBeside }},

		{"tc program", "tc-ingress", Warn, `"cil_from_netdev", id 5`, nil, func(h *Host) { h.Links[0].Ingress = []Program{{8, "xbfd_tc"}, {5, "cil_from_netdev"}} }},

		{"bfdd", "other-daemons", Warn, "bfdd (pid 77) has UDP port 3784, 4784", bfdd, nil},
		{"hidden daemon", "other-daemons", Warn, "cannot be seen from here has UDP port 3784", bfdd, nil},
		{"bfdd and only sockets", "other-daemons", Fail, "stop that program", bfdd, func(h *Host) { h.Want.Transport = udp }},
		{"xbfd itself", "other-daemons", OK, "xbfd (pid 77)", bfdd.with(files{"/proc/77/comm": "xbfd\n"}), nil},
		{"the daemon by another name", "other-daemons", OK, "xbfd (pid 77)", bfdd, func(h *Host) { h.Want.Process = 77 }},
		{"nftables", "firewall", Warn, "(inet filter, iptables mangle)", files{"/proc/thread-self/net/ip_tables_names": "mangle\n"}, func(h *Host) { h.Tables = []string{"inet filter"} }},
		{"chain that drops", "firewall", Warn, "chain inet filter input drops what no rule lets pass", nil, dropping(Chain{Name: "inet filter input", Default: true})},
		{"chain that drops BFD", "firewall", Warn, "inet filter output drops UDP port 3784, 4784: ", nil, dropping(Chain{Name: "inet filter output", Ports: []uint16{4784, 3784, 3784}})},
		{"strict filter and multihop", "echo", Warn, "net.ipv4.conf.eth0.rp_filter is 1", files{"/proc/sys/net/ipv4/conf/all/rp_filter": "1"}, func(h *Host) { h.Want.Peers[0].Multihop = true }},
		{"strict filter", "echo", OK, "rp_filter (1)", files{"/proc/sys/net/ipv4/conf/eth0/rp_filter": "1"}, nil},
		{"echo over sockets", "echo", Warn, "need AF_XDP", nil, func(h *Host) { h.Want.Transport = udp; h.Want.Peers[0].Echo = true }},

		{"no throttling", "real-time-throttling", OK, "no limit", files{"/proc/sys/kernel/sched_rt_runtime_us": "-1"}, fifo},
		{"early throttling", "real-time-throttling", Warn, "500000 us", files{"/proc/sys/kernel/sched_rt_runtime_us": "500000"}, fifo},
		{"early throttling of nobody", "real-time-throttling", OK, "not real-time", files{"/proc/sys/kernel/sched_rt_runtime_us": "500000"}, nil},
		{"no real time for the group", "real-time-group", Fail, "/a/b has no share", noRT, fifo},
		{"no real time wanted", "real-time-group", OK, "/a/b has no share", noRT, nil},
		{"real time for the group", "real-time-group", OK, "may have real-time", rt.with(files{"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.rt_runtime_us": "950000"}), fifo},
		{"configuration in /boot", "real-time-group", Fail, "no share", noRT.with(files{"/proc/config.gz": "not gzip", "/boot/config-6.12.3-amd64": "CONFIG_RT_GROUP_SCHED=y\n"}), fifo},
		{"quota of the group above", "cpu-quota", Warn, "/sys/fs/cgroup/system.slice may have 20000 us", files{"/sys/fs/cgroup/system.slice/cpu.max": "20000 100000"}, nil},
		{"quota of version 1", "cpu-quota", Warn, "(cpu.cfs_quota_us)", rt.with(files{
			"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "50000", "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
			"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1",
		}), nil},
		{"deep sleep", "idle-states", Warn, "C10 (driver intel_idle), which takes up to 890 us", deep, nil},
		{"deep sleep elsewhere", "idle-states", OK, "C1, within 2 us", deep, func(h *Host) { h.Want.CPUs = []int{0} }},
		{"deep sleep disabled", "idle-states", OK, "C1, within 2 us", deep.with(files{"/sys/devices/system/cpu/cpu1/cpuidle/state3/disable": "1"}), nil},
		{"deep sleep forbidden", "idle-states", OK, "holds them to 10 us", deep.with(files{"/dev/cpu_dma_latency": "\x0a\x00\x00\x00"}), nil},

		{"unresolved", "neighbours", Warn, "answers to 192.0.2.2: look at the cable, the VLAN and the peer's address (1 of 2", nil, func(h *Host) {
			h.Want.Peers = append(h.Want.Peers, peer("192.0.2.2"))
			h.Neighbours = append(h.Neighbours, Neighbour{netip.MustParseAddr("192.0.2.2"), "eth0", unix.NUD_FAILED})
		}},
		{"not asked for yet", "neighbours", OK, "0 of 1 peers", nil, func(h *Host) { h.Neighbours[0].Interface = "eth1" }},
		{"many unresolved", "neighbours", Warn, "192.0.2.4 and 2 more", nil, func(h *Host) {
			h.Want.Peers = nil
			for _, a := range []string{"192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"} {
				h.Want.Peers = append(h.Want.Peers, peer(a))
				h.Neighbours = append(h.Neighbours, Neighbour{netip.MustParseAddr(a), "eth0", unix.NUD_INCOMPLETE})
			}
		}},
		{"nobody wants anything", "neighbours", OK, "name a configuration", nil, func(h *Host) { h.Want = Want{} }},
		{"full table", "neighbour-table", Fail, "net.ipv4.neigh.default.gc_thresh3=8192", files{"/proc/sys/net/ipv4/neigh/default/gc_thresh3": "0"}, nil},
		{"table nearly full", "neighbour-table", Warn, "ipv6: 1 entries", files{"/proc/sys/net/ipv6/neigh/default/gc_thresh3": "1"}, func(h *Host) { h.Want.Peers = []Peer{peer("2001:db8::1")} }},
		{"small buffers", "receive-buffers", Warn, "there are 3 sessions", files{"/proc/sys/net/core/rmem_default": "2048"}, func(h *Host) {
			h.Want = Want{From: "x", Transport: udp, Peers: []Peer{peer("192.0.2.1"), peer("192.0.2.2"), peer("192.0.2.3")}}
		}},

		{"too short an interval", "wake-ups", Warn, "3.3ms is the lowest interval that is safe here, and xbfd.yaml asks for less", nil, func(h *Host) {
			h.Wakeups.Max, h.Wakeups.Lowest = 1600, 3300
			h.Want.Peers[0].Interval = 1000
		}},
		{"a greater multiplier bears it", "wake-ups", OK, "3.3ms is the lowest", nil, func(h *Host) {
			h.Wakeups.Max, h.Wakeups.Lowest = 1600, 3300
			h.Want.Peers[0].Interval, h.Want.Peers[0].Mult = 1000, 10
		}},
		{"not measured", "wake-ups", Warn, "not measured", nil, func(h *Host) { h.Wakeups = nil }},
		{"stands still", "wake-ups", Fail, "stands still", nil, func(h *Host) { h.Wakeups.Max = 300_000 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Examine(host(tt.files, tt.change))
			var said []string
			for _, f := range r.Findings {
				if f.Check == tt.check {
					if f.Verdict == tt.verdict && strings.Contains(f.Text, tt.text) {
						return
					}
					said = append(said, fmt.Sprintf("%s: %s", f.Verdict, f.Text))
				}
			}
			t.Errorf("%s says %q, want %s: …%s…", tt.check, said, tt.verdict, tt.text)
		})
	}
}

func TestLowestInterval(t *testing.T) {
	for worst, want := range map[float64]uint32{0: 1000, 500: 1000, 501: 2000, 1650: 3300, 4000: 10_000, 40_000: 100_000, 9e6: 1_000_000} {
		if got := lowest(worst); got != want {
			t.Errorf("%v us late: %d us, want %d", worst, got, want)
		}
	}
}

// FuzzExamine: whatever a host's files hold, there is a report.
func FuzzExamine(f *testing.F) {
	f.Add(nothing + socket(3784, "1"))
	f.Add(cgroup1 + cgroup2)
	f.Add("5:cpu,cpuacct:/a/b\n0::/\n0::a")
	f.Add("max 100000")
	f.Add("-1\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		all := files{
			"/proc/77/comm": text, "/proc/77/fd/3@": text, "/dev/cpu_dma_latency": text,
			"/sys/devices/system/cpu/cpux/cpuidle/statex/latency": text, "/proc/thread-self/net/ip_tables_names": text,
		}
		for name := range healthy {
			all[name] = text
		}
		r := Examine(host(all, func(h *Host) { h.Release, h.Want.Priority = text, 60 }))
		for _, f := range r.Findings {
			if f.Verdict != OK && f.Verdict != Warn && f.Verdict != Fail || f.Text == "" {
				t.Errorf("%+v", f)
			}
		}
	})
}

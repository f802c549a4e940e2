package doctor

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// visibility comes first: who does not know this looks for packets in vain.
func visibility(*Host) []Finding {
	return say("visibility", OK, "tcpdump, the host's firewall and tc do not see the frames that XDP steers, nor those that AF_XDP sends: "+
		"look with xbfd session capture and xbfd status")
}

func kernel(h *Host) []Finding {
	const check = "kernel"
	lacks := func(what, since string) string { return fmt.Sprintf("no %s (since %s)", what, since) }
	var missing []string
	if !h.atLeast(5, 18) {
		missing = append(missing, lacks("live transmit", "5.18"))
	}
	if !h.atLeast(6, 6) {
		missing = append(missing, lacks("insurance by tc", "6.6"))
	}
	switch {
	case !h.atLeast(5, 9):
		return say(check, Warn, "Linux %s has no bpf_link for XDP (since 5.9), so sessions run on UDP sockets: a kernel of 5.15 or "+
			"later has AF_XDP as xbfd uses it", h.Release)
	case !h.atLeast(5, 15):
		return say(check, Warn, "Linux %s is older than 5.15, the oldest that xbfd is meant for: %s", h.Release, strings.Join(missing, ", "))
	case missing != nil:
		return say(check, OK, "Linux %s has AF_XDP, but %s", h.Release, strings.Join(missing, " and "))
	}
	return say(check, OK, "Linux %s has all that xbfd can use", h.Release)
}

func btf(h *Host) []Finding {
	if _, err := h.FS.Open("sys/kernel/btf/vmlinux"); err != nil {
		return say("btf", OK, "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF): xbfd's programs need none, bpftool and bpftrace will show less of them")
	}
	return say("btf", OK, "the kernel has BTF; xbfd's programs need none")
}

// wanted are the capabilities that xbfd cannot do without.
var wanted = []struct {
	bit  int
	name string
}{
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}, {unix.CAP_BPF, "CAP_BPF"},
}

func capabilities(h *Host) []Finding {
	const check = "capabilities"
	var missing []string
	for _, c := range wanted {
		if !h.has(c.bit) && !(c.bit == unix.CAP_BPF && h.has(unix.CAP_SYS_ADMIN)) {
			missing = append(missing, c.name)
		}
	}
	if missing != nil {
		return say(check, Fail, "the caller has no %s: run xbfd as root or give it these (AmbientCapabilities= in systemd)", strings.Join(missing, ", "))
	}
	if p := h.Want.Priority; p > 0 && !h.has(unix.CAP_SYS_NICE) && h.Priority < uint64(p) {
		return say(check, Fail, "scheduling: fifo at priority %d needs CAP_SYS_NICE or a limit on real-time priority of %d "+
			"(LimitRTPRIO= in systemd); the limit is %d", p, p, h.Priority)
	}
	return say(check, OK, "the caller has what xbfd needs: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF")
}

// afXDP tries what rings are made of. That the caller lacks the right is told by
// another check.
func afXDP(h *Host) []Finding {
	switch err := h.NoXDP; {
	case err == nil:
		return say("af-xdp", OK, "the kernel has AF_XDP sockets")
	case errors.Is(err, unix.EAFNOSUPPORT):
		return h.without("af-xdp", "there is no AF_XDP: the kernel was built without it (CONFIG_XDP_SOCKETS), or a filter forbids it "+
			"(RestrictAddressFamilies= in systemd)")
	case h.has(unix.CAP_NET_RAW):
		return h.without("af-xdp", fmt.Sprintf("AF_XDP sockets are refused (%v), although the caller has CAP_NET_RAW: a seccomp filter forbids "+
			"them, as that of a container may", err))
	}
	return nil
}

// bpfCalls tries what programs and their tables take.
func bpfCalls(h *Host) []Finding {
	switch err := h.NoBPF; {
	case err == nil:
		return say("bpf", OK, "the kernel makes BPF maps")
	case errors.Is(err, unix.ENOSYS):
		return h.without("bpf", "there is no bpf(): the kernel was built without it (CONFIG_BPF_SYSCALL), or a seccomp filter forbids it")
	case h.has(unix.CAP_BPF) || h.has(unix.CAP_SYS_ADMIN):
		return h.without("bpf", fmt.Sprintf("BPF maps are refused (%v), although the caller has CAP_BPF: a seccomp filter forbids them, as that of "+
			"a container may, or the kernel is locked down", err))
	}
	return nil
}

// without says what the lack of AF_XDP comes to.
func (h *Host) without(check, lack string) []Finding {
	for i := range h.Links {
		if asked := h.Want.transport(h.Links[i].Name); asked == "xdp" || asked == "xdp-generic" {
			return say(check, Fail, "%s; transport: %s of %s allows nothing else: set transport: auto", lack, asked, h.Links[i].Name)
		}
	}
	return say(check, Warn, "%s: sessions run on UDP sockets, without rings, heard packets and insurance", lack)
}

// lockedNeed is about what the rings of one interface lock.
const lockedNeed = 16 << 20

// lockedMemory: the frames of AF_XDP count against RLIMIT_MEMLOCK on every kernel,
// the maps of BPF until 5.11, since when they belong to the control group.
func lockedMemory(h *Host) []Finding {
	const check = "locked-memory"
	maps := "maps are charged to the control group"
	if !h.atLeast(5, 11) {
		maps = "before Linux 5.11 maps count as well"
	}
	switch {
	case h.has(unix.CAP_IPC_LOCK) && h.atLeast(5, 11):
		return say(check, OK, "no limit: the caller has CAP_IPC_LOCK; %s", maps)
	case h.LockedMemory == unix.RLIM_INFINITY:
		return say(check, OK, "no limit")
	case h.LockedMemory < lockedNeed:
		return say(check, Warn, "%d KiB may be locked, and AF_XDP needs some %d MiB for each interface (%s): give xbfd "+
			"CAP_IPC_LOCK, or raise the limit (ulimit -l, LimitMEMLOCK=)",
			h.LockedMemory>>10, lockedNeed>>20, maps)
	}
	return say(check, OK, "%d MiB may be locked; AF_XDP needs some %d MiB for each interface", h.LockedMemory>>20, lockedNeed>>20)
}

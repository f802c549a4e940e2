package doctor

import (
	"strconv"
	"strings"
)

// throttling is the kernel's limit on what real-time threads may have of a CPU.
func throttling(h *Host) []Finding {
	const check, file = "real-time-throttling", "/proc/sys/kernel/sched_rt_"
	runtime, ok := h.number(file + "runtime_us")
	period, _ := h.number(file + "period_us")
	switch {
	case !ok:
		return say(check, OK, "the kernel does not say that it limits real-time threads")
	case runtime < 0:
		return say(check, OK, "kernel.sched_rt_runtime_us is -1, no limit: xbfd pauses by itself, other real-time programs may not")
	case h.Want.Priority == 0:
		return say(check, OK, "real-time threads may have %d us of every %d us; the workers are not real-time (scheduling: normal)", runtime, period)
	case period > 0 && runtime*100 < period*94:
		return say(check, Warn, "real-time threads may have %d us of every %d us, less than the 94 %% that a worker may take "+
			"before it pauses: set kernel.sched_rt_runtime_us to 950000 for a period of 1000000", runtime, period)
	}
	return say(check, OK, "real-time threads may have %d us of every %d us, and a worker pauses before that", runtime, period)
}

// groupRealTime: where real time is shared out by control groups, one that has
// none cannot have SCHED_FIFO at all.
func groupRealTime(h *Host) []Finding {
	const check = "real-time-group"
	with, known := h.built("CONFIG_RT_GROUP_SCHED")
	verdict := OK
	switch {
	case !known:
		return say(check, OK, "the kernel's configuration is not to be read here; if scheduling: fifo is refused, see CONFIG_RT_GROUP_SCHED")
	case !with:
		return say(check, OK, "real time is not shared out by control groups (no CONFIG_RT_GROUP_SCHED)")
	}
	if h.Want.Priority > 0 {
		verdict = Fail
	}
	for _, dir := range h.groups("cpu") {
		if runtime, ok := h.number(dir + "/cpu.rt_runtime_us"); ok && runtime == 0 {
			return say(check, verdict, "the control group %s has no share of real time (CONFIG_RT_GROUP_SCHED), so scheduling: fifo "+
				"is refused in it: write one to cpu.rt_runtime_us, or run xbfd in the root group", dir)
		}
	}
	return say(check, OK, "the caller's control group may have real-time threads (CONFIG_RT_GROUP_SCHED)")
}

// quota: a control group that has used up its share of the CPU stands still until
// the next period.
func quota(h *Host) []Finding {
	const check = "cpu-quota"
	for _, dir := range h.groups("") {
		f := strings.Fields(h.text(dir + "/cpu.max"))
		if len(f) == 2 && f[0] != "max" {
			limit, _ := strconv.ParseInt(f[0], 10, 64)
			period, _ := strconv.ParseInt(f[1], 10, 64)
			return limited(check, dir, "cpu.max", limit, period)
		}
	}
	for _, dir := range h.groups("cpu") {
		limit, ok := h.number(dir + "/cpu.cfs_quota_us")
		period, _ := h.number(dir + "/cpu.cfs_period_us")
		if ok && limit > 0 {
			return limited(check, dir, "cpu.cfs_quota_us", limit, period)
		}
	}
	return say(check, OK, "no control group limits the caller's share of the CPUs")
}

func limited(check, dir, file string, limit, period int64) []Finding {
	return say(check, Warn, "the control group %s may have %d us of CPU in every %d us (%s): one that has used that up stands "+
		"still for the rest, up to %d ms; lift the limit (CPUQuota= in systemd, limits.cpu in a pod)",
		dir, limit, period, file, period/1000)
}

func timerSlack(h *Host) []Finding {
	return say("timer-slack", OK, "%d us for ordinary threads; xbfd sets 1 ns for its workers", h.TimerSlack/1000)
}

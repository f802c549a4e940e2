package doctor

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// deepSleep is how long leaving an idle state may take before it shows at short
// intervals, in microseconds.
const deepSleep = 100

// idle looks at how deeply the CPUs sleep while there is nothing to do.
func idle(h *Host) []Finding {
	const check = "idle-states"
	driver := h.text("/sys/devices/system/cpu/cpuidle/current_driver")
	states, _ := fs.Glob(h.FS, "sys/devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*")
	limit := h.latencyLimit()
	deepest, name := int64(-1), ""
	for _, state := range states {
		cpu, _ := strconv.Atoi(strings.TrimPrefix(strings.Split(state, "/")[4], "cpu"))
		if len(h.Want.CPUs) > 0 && !slices.Contains(h.Want.CPUs, cpu) {
			continue
		}
		latency, ok := h.number(path.Join(state, "latency"))
		off, _ := h.number(path.Join(state, "disable"))
		if ok && off == 0 && latency <= limit && latency > deepest {
			deepest, name = latency, h.text(path.Join(state, "name"))
		}
	}
	switch {
	case deepest < 0:
		return say(check, OK, "the kernel has no idle states to choose from (driver %s); on a virtual machine the host's count", driverName(driver))
	case deepest > deepSleep:
		return say(check, Warn, "idle CPUs sleep as deeply as %s (driver %s), which takes up to %d us to leave: keep them out of "+
			"it (cpupower idle-set -D %d), or hold /dev/cpu_dma_latency open at %d",
			name, driverName(driver), deepest, deepSleep, deepSleep)
	}
	held := ""
	if limit < noLatencyLimit {
		held = fmt.Sprintf(", and /dev/cpu_dma_latency holds them to %d us", limit)
	}
	return say(check, OK, "idle CPUs leave their deepest state, %s, within %d us (driver %s)%s", name, deepest, driverName(driver), held)
}

func driverName(driver string) string {
	if driver == "" {
		return "none"
	}
	return driver
}

// noLatencyLimit is what the kernel says when nobody has set a limit
// (PM_QOS_CPU_LATENCY_DEFAULT_VALUE).
const noLatencyLimit = 2_000_000_000

// latencyLimit returns the latency that somebody holds the CPUs to, in
// microseconds. The file holds it as four bytes of this machine's order.
func (h *Host) latencyLimit() int64 {
	f, err := h.FS.Open("dev/cpu_dma_latency")
	if err != nil {
		return noLatencyLimit
	}
	defer f.Close()
	var b [4]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return noLatencyLimit
	}
	return int64(int32(binary.NativeEndian.Uint32(b[:])))
}

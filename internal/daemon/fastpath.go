package daemon

import (
	"fmt"
	"strings"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
)

// lanes is how many sessions the XDP program may hear by itself, as in
// speaker.Options: with room for those that the API may add.
func lanes(cfg config.Config) int {
	if cfg.FastPath.Heard == "off" {
		return -1
	}
	return max(speaker.DefaultLanes, len(cfg.Peers)*5/4)
}

// deadMan is for how long the kernel answers while a worker stands still, 0 if not
// at all; it answers what it hears.
func deadMan(f config.FastPath) time.Duration {
	if f.Heard == "off" || f.Insurance == "off" {
		return 0
	}
	return f.DeadMan
}

// transmit is how frames leave, for speaker.Options. auto is the ring: a call that
// sends live frames waits while any XDP program on the host comes or goes, for
// tens of milliseconds on x86.
func transmit(f config.FastPath) string {
	if f.LiveTransmit == "on" {
		return wire.TransmitLive
	}
	return wire.TransmitXDP
}

// missed says what was asked for by name and is not to be had, and why.
func missed(f config.FastPath, interfaces []speaker.InterfaceStatus) (warnings []string) {
	for _, part := range []struct {
		name, asked string
		lack        func(speaker.InterfaceStatus) string
	}{
		{"heard", f.Heard, func(i speaker.InterfaceStatus) string { return i.Unheard }},
		{"insurance", f.Insurance, func(i speaker.InterfaceStatus) string { return i.Uninsured }},
	} {
		if part.asked != "on" {
			continue
		}
		if w := nowhere(part.name, interfaces, part.lack); w != "" {
			warnings = append(warnings, w)
		}
	}
	return warnings
}

// nowhere says that all interfaces lack a part of the fast path, "" if one has it.
func nowhere(name string, interfaces []speaker.InterfaceStatus, lack func(speaker.InterfaceStatus) string) string {
	var reasons []string
	for _, i := range interfaces {
		why := lack(i)
		if why == "" {
			return ""
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s (%s: %s)", i.Name, why, i.Transport, i.Reason))
	}
	if reasons == nil {
		return fmt.Sprintf("fast-path.%s is on, but no interface is open", name)
	}
	return fmt.Sprintf("fast-path.%s is on, but no interface offers it: %s", name, strings.Join(reasons, "; "))
}

// describeFastPath says what the kernel does for a session by itself; heard is
// what the configuration asks for.
func describeFastPath(st *engine.Status, p *speaker.Path, heard string) control.FastPath {
	f := control.FastPath{Heard: st.Heard.String(), Insurance: "off"}
	switch {
	case heard == "off":
		f.Reason = "fast-path.heard is off in the configuration"
	case st.Params.Kind == session.Unaffiliated:
		f.Reason = "the session has no packets but its own"
	case p.Unheard != "":
		f.Heard, f.Reason = engine.HeardOff.String(), p.Unheard
	default:
		f.Reason = heardReasons[st.Heard]
	}
	if f.Reason != "" {
		f.Reason = "not heard: " + f.Reason
	}
	if st.Insured && p.Uninsured == "" {
		f.Insurance = "on"
	}
	switch {
	case p.Transport == "":
	case p.Ring && st.Path.MACKnown && p.Live:
		f.Transmit = "live"
	case p.Ring && st.Path.MACKnown:
		f.Transmit = "xdp"
	default:
		f.Transmit = "raw"
	}
	return f
}

// heardReasons put into words why a session is not heard.
var heardReasons = map[engine.HeardState]string{
	engine.HeardOff:        "more sessions want it than there is room for",
	engine.HeardNoPath:     "there is no path",
	engine.HeardNotUp:      "both ends must be up",
	engine.HeardAuth:       "each packet must be verified",
	engine.HeardEcho:       "Echo is active",
	engine.HeardDemand:     "Demand mode is active",
	engine.HeardPoll:       "a Poll Sequence runs",
	engine.HeardCongestion: "congestion-ceiling has lost packets looked for",
	engine.HeardSource:     "the peer sends from another address than its own",
	engine.HeardCapture:    "its packets are being captured live",
	engine.HeardWaiting:    "the next packet that comes by the ring will be the one to expect",
}

func describeMargin(m *engine.Margin) control.Margin {
	out := control.Margin{
		LongestRx: uint64(m.LongestRx / session.Microsecond), LongestTx: uint64(m.LongestTx / session.Microsecond), LateTx: m.LateTx, NearMisses: m.NearMisses,
	}
	if m.LongestRx != 0 {
		least := m.Least / session.Microsecond
		out.Min = &least
	}
	return out
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) statusCommand() *cobra.Command {
	var format string
	c := shows(e, &cobra.Command{
		Use:   "status",
		Short: "Show the daemon: workers, interfaces, transports, warnings",
	}, &format, (*control.Client).Status, func(w io.Writer, st control.Status) { writeStatus(w, &st) })
	outputFlag(c, &format)
	return c
}

func writeStatus(w io.Writer, st *control.Status) {
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("Daemon", "xbfd %s, process %d, started %s, %s ago", st.Version, st.PID, instant(st.Started), ago(st.UptimeSeconds))
	line("Configuration", "%s", dash(st.ConfigFile))
	if r := st.LastReload; r != nil {
		result := "taken"
		if r.Error != "" {
			result = "refused: " + strings.ReplaceAll(r.Error, "\n", "\n\t")
		}
		line("Last reload", "%s, %s", instant(r.At), result)
	}
	line("Control", "%s", st.Control)
	n := st.Sessions
	line("Sessions", "%d: %d up, %d init, %d down, %d admin-down", n.Total, n.Up, n.Init, n.Down, n.AdminDown)
	if r := st.Routes; r.Total > 0 {
		line("Routes", "%d: %d installed, %d raised, %d absent, %d refused; %d changes, %d errors, %d of them overcome",
			r.Total, r.Installed, r.Raised, r.Absent, r.Refused, r.Changes, r.Errors, r.Retries)
	}
	for i := range st.Workers {
		writeWorker(line, &st.Workers[i])
	}
	for i := range st.Interfaces {
		writeInterface(line, &st.Interfaces[i])
	}
	for i := range st.DataPlanes {
		writeDataPlane(line, &st.DataPlanes[i])
	}
	line("Discarded", "%s", counted(st.RxDiscarded))
	if st.TxRefused > 0 {
		line("Not sent", "%s, refused by the system", plural(int(st.TxRefused), "packet"))
	}
	for i := range st.Hooks {
		h := &st.Hooks[i]
		line("Hook "+h.Name, "%s: %d done, %d failed, %d dropped, %d suppressed; %d running, %d waiting, %d held back",
			h.Target, h.Done, h.Failed, h.Dropped, h.Suppressed, h.Running, h.Waiting, h.Held)
	}
	writeGoBGP(line, st.GoBGP)
	for _, text := range st.Warnings {
		line("Warning", "%s", strings.ReplaceAll(text, "\n", "\n\t"))
	}
}

func writeWorker(line writer, k *control.WorkerStatus) {
	cpu := "any CPU"
	if k.CPU >= 0 {
		cpu = fmt.Sprintf("CPU %d", k.CPU)
	}
	scheduling := k.Scheduling
	if k.Priority > 0 {
		scheduling += fmt.Sprintf(" %d", k.Priority)
	}
	line(fmt.Sprintf("Worker %d", k.ID), "%s on %s, scheduling %s, %s", plural(k.Sessions, "session"), cpu, scheduling, waits(k))
}

func writeInterface(line writer, i *control.InterfaceStatus) {
	vrf := ""
	if i.VRF != config.DefaultVRF {
		vrf = " in VRF " + i.VRF
	}
	line("Interface "+i.Name, "%s%s over %s (%s)", plural(i.Sessions, "session"), vrf, i.Transport, i.TransportReason)
	if i.TransportSwitches > 0 {
		line("", "changed %s, the last time %s: %s", plural(i.TransportSwitches, "time"), instant(i.TransportSince), i.TransportCause)
	}
	if i.Steering != "off" && i.Steering != "" {
		line("", "steered by the card: %s", i.Steering)
	}
	line("", "arrival times: %s; heard by XDP: %s; insurance: %s; UDP: %s", i.Stamp, i.Heard, i.Insurance, i.UDP)
	writeLowers(line, i.Lowers)
	line("", "counters: %s", counted(i.Counters))
}

func writeDataPlane(line writer, p *control.DataPlane) {
	state := "not connected"
	if p.Connected {
		state = "connected"
	}
	line("Data plane", "%s, %s since %s, %s", p.Client, state, instant(p.Since), plural(p.Sessions, "session"))
	line("", "unclaimed: %d; refused: %d; connections: %d; errors: %s", p.Unclaimed, p.Refused, p.Connections, counted(p.Errors))
	if p.LastError != "" {
		line("", "last error: %s", strings.ReplaceAll(p.LastError, "\n", " "))
	}
}

// writeLowers tells of the interfaces below one.
func writeLowers(line writer, lowers []control.LowerStatus) {
	for _, l := range lowers {
		use := "not in use"
		switch {
		case l.Via:
			use = "frames leave and arrive"
		case l.Active && l.Reason == "":
			use = "frames arrive"
		case l.Active:
			use = "in use by the kernel alone"
		}
		if l.Reason != "" {
			use += ": " + l.Reason
		}
		line("", "below it %s: %s, %s", l.Name, cmp.Or(l.Transport, "not open"), use)
	}
}

// writeGoBGP tells of gobgpd and the neighbors that are disabled there.
func writeGoBGP(line writer, g *control.GoBGPStatus) {
	if g == nil {
		return
	}
	if g.Connected {
		line("GoBGP", "%s, %s", g.API, plural(g.Neighbors, "neighbor"))
	} else {
		line("GoBGP", "%s does not answer: %s", g.API, g.Error)
	}
	disabled := make([]string, len(g.Disabled))
	for i, a := range g.Disabled {
		disabled[i] = a.String()
	}
	line("", "disabled: %s; %d disables, %d enables, %d failures", dash(strings.Join(disabled, ", ")), g.Disables, g.Enables, g.Failures)
}

// waits says how a worker waits, and of an adaptive one how often which way.
func waits(k *control.WorkerStatus) string {
	if k.Wait != "adaptive" {
		return "wait " + k.Wait
	}
	return fmt.Sprintf("wait adaptive (slept %d times, looked for packets %d times, met some %d times)", k.Sleeps, k.Spins, k.Caught)
}

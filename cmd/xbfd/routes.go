package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) routesCommand() *cobra.Command {
	var format string
	c := shows(e, &cobra.Command{
		Use:   "routes",
		Short: "List the routes and addresses that sessions decide about",
		Long: "List the routes, nexthop groups and addresses that sessions decide about, in the order of the file.\n\n" +
			"STATE is installed, raised (with the higher metric), absent as it is to be, or refused: then the\n" +
			"last column says why. A gateway or peer in brackets is not used; one that is unknown has not been\n" +
			"up yet.",
	}, &format, (*control.Client).Routes, func(w io.Writer, list []control.Route) { writeRoutes(w, list, format == "wide") })
	choiceFlag(c, &format, "output", "o", "table", listFormats, "what to print")
	return c
}

func writeRoutes(w io.Writer, list []control.Route, wide bool) {
	fmt.Fprint(w, "PREFIX\tVIA\tMETRIC\tTABLE\tSTATE\tCHANGES")
	if wide {
		fmt.Fprint(w, "\tSOURCE\tON-DOWN\tHOLD\tINITIAL\tADMIN-DOWN\tON-EXIT\tTRIES")
	}
	fmt.Fprintln(w, "\tREASON")
	for i := range list {
		r := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d", routeName(r), via(r), number(r.Metric), routeTable(r), r.State, r.Changes)
		if wide {
			fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\t%s\t%s\t%d", address(r.Source), onDown(r), interval(r.Hold), dash(r.Initial), dash(r.AdminDown), r.OnExit, r.Tries)
		}
		fmt.Fprintf(w, "\t%s\n", dash(reason(r)))
	}
}

// routeName is what a route, a nexthop group or an address is listed as.
func routeName(r *control.Route) string {
	if r.Kind == "nexthop-group" {
		return fmt.Sprintf("nexthop-group %d", r.NexthopGroup)
	}
	return r.Prefix
}

// via names the gateways or peers of a route and the states of their sessions.
func via(r *control.Route) string {
	var parts []string
	if r.Kind == "address" {
		parts = append(parts, r.Interface)
	}
	if r.Kind == "route" && r.NexthopGroup != 0 {
		parts = append(parts, fmt.Sprintf("nexthop-group %d", r.NexthopGroup))
	}
	for _, m := range r.Members {
		text := m.Session.Peer.String()
		if m.Gateway.IsValid() {
			text = m.Gateway.String()
		}
		if m.Interface != "" {
			text += "%" + m.Interface
		}
		text += " " + m.SessionState
		if !m.Used {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func routeTable(r *control.Route) string {
	switch {
	case r.VRF != "":
		return "vrf " + r.VRF
	case r.Table == config.MainTable:
		return "main"
	}
	return number(r.Table)
}

func onDown(r *control.Route) string {
	if r.Kind == "address" {
		return "require " + r.Require
	}
	return dash(r.OnDown)
}

// reason says why a route is not as it is to be, or will change.
func reason(r *control.Route) string {
	switch {
	case r.Reason != "" && r.Tries == 0: // it waits for something else
		return r.Reason
	case r.Reason != "":
		return fmt.Sprintf("%s; tried %d times, next in %s", r.Reason, r.Tries, interval(r.RetryIn))
	}
	for _, m := range r.Members {
		if m.HoldLeft > 0 {
			return fmt.Sprintf("held back for another %s", interval(m.HoldLeft))
		}
	}
	if r.Adopted {
		return "left by a former process; its sessions are not up yet"
	}
	return ""
}

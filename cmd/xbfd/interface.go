package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) interfaceCommand() *cobra.Command {
	var format, transport string
	c := &cobra.Command{
		Use:   "interface [NAME]",
		Short: "Show the interfaces that sessions use, or change how packets travel",
		Long: "Show the interfaces that sessions use, or change how the packets of one travel.\n\n" +
			"--transport takes effect while sessions run, and no session fails for it: sockets serve while rings\n" +
			"and XDP program are exchanged. It holds until a reload whose file has another transport. What cannot\n" +
			"be had is refused, and the transport stays as it was.",
		Example: "  xbfd interface\n" +
			"  xbfd interface eth0 --transport udp",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if transport != "" && len(args) == 0 {
				return usagef("the transport of which interface? xbfd interface NAME --transport %s", transport)
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				list, err := e.interfaces(ctx, client, args, transport)
				if err != nil {
					return err
				}
				return e.print(format, list, func(w io.Writer) { writeInterfaces(w, list, format == "wide") })
			})
		},
		ValidArgsFunction: completeInterfaces,
	}
	choiceFlag(c, &transport, "transport", "", "", config.Transports, "how its packets are to travel from now on")
	choiceFlag(c, &format, "output", "o", "table", listFormats, "how to show it")
	return c
}

// interfaces returns those that args name, all without, after the change that is
// asked for.
func (e *env) interfaces(ctx context.Context, client *control.Client, args []string, transport string) ([]control.InterfaceStatus, error) {
	if transport != "" {
		i, err := client.ChangeInterface(ctx, args[0], control.InterfaceChange{Transport: &transport})
		return []control.InterfaceStatus{i}, err
	}
	st, err := client.Status(ctx)
	if err != nil || len(args) == 0 {
		return st.Interfaces, err
	}
	for _, i := range st.Interfaces {
		if i.Name == args[0] {
			return []control.InterfaceStatus{i}, nil
		}
	}
	return nil, fmt.Errorf("no session uses interface %q: xbfd interface lists those that are used", args[0])
}

func writeInterfaces(w io.Writer, list []control.InterfaceStatus, wide bool) {
	fmt.Fprint(w, "INTERFACE\tTRANSPORT\tASKED\tRINGS\tSESSIONS\tSINCE\tSWITCHES")
	if wide {
		fmt.Fprint(w, "\tCAUSE\tREASON")
	}
	fmt.Fprintln(w)
	for _, i := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%d", i.Name, i.Transport, i.TransportAsked, i.Rings, i.Sessions, when(&i.TransportSince), i.TransportSwitches)
		if wide {
			fmt.Fprintf(w, "\t%s\t%s", dash(i.TransportCause), i.TransportReason)
		}
		fmt.Fprintln(w)
	}
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) countersCommand() *cobra.Command {
	var format string
	var clearing bool
	c := &cobra.Command{
		Use:   "counters",
		Short: "Show what all sessions together have counted, or let it start again",
		Long: "Show what all sessions together have counted, or let it start again.\n\n" +
			"--clear makes the counters and margins of every session start again, and those shown here;\n" +
			"states and uptimes stay. \"session clear X\" does it for one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				if clearing {
					if err := client.ClearAll(ctx); err != nil {
						return err
					}
				}
				t, err := client.Totals(ctx)
				if err != nil {
					return err
				}
				return e.print(format, t, func(w io.Writer) {
					if clearing {
						fmt.Fprintln(w, "counters cleared")
						return
					}
					writeTotals(w, &t)
				})
			})
		},
	}
	c.Flags().BoolVar(&clearing, "clear", false, "let all counters and margins start again")
	outputFlag(c, &format)
	return c
}

func writeTotals(w io.Writer, t *control.Totals) {
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	c := &t.Sessions
	line("Since", "%s", instant(t.Since))
	line("Sent", "%d, %d more could not be sent, %d replies while a worker stalled", c.Tx, c.TxFailed, c.Insurance)
	line("Received", "%d, %d more heard by XDP", c.Rx, c.RxHeard)
	line("Echo packets", "%d sent, %d came back, %d of peers sent back", c.EchoTx, c.EchoRx, c.EchoLooped)
	line("Changes", "%d to up, %d to down, %d to admin-down", c.Up, c.Down, c.AdminDown)
	line("Discarded", "%s", counted(t.RxDiscarded))
	for _, i := range t.Interfaces {
		line("Interface "+i.Name, "%s", counted(i.Counters))
	}
}

func (e *env) clearCommand() *cobra.Command {
	return e.actOn(&cobra.Command{
		Use: "clear X", Short: "Let the counters and margins of a session start again",
	}, "counts from nothing", (*control.Client).Clear)
}

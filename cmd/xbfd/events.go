package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) eventsCommand() *cobra.Command {
	var q control.EventQuery
	var since uint64
	var format string
	var follow bool
	c := &cobra.Command{
		Use:   "events",
		Short: "Tell what happens to sessions, as it happens",
		Long: "Tell what happens to sessions, as it happens, until the daemon ends (exit status 3) or somebody\n" +
			"ends this. Each event has a number, SEQ; --since SEQ goes on after it, --since 0 begins with\n" +
			"the oldest that the daemon still has.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("since") {
				q.Since = &since
			}
			if q.Once = !follow; q.Once && q.Since == nil {
				return usagef("--follow=false ends at the latest event: say with --since where to begin")
			}
			for _, t := range q.Types {
				if !slices.Contains(control.EventTypes, t) {
					return usagef("--type: %q is not one of %s", t, strings.Join(control.EventTypes, ", "))
				}
			}
			return e.follow(cmd.Context(), q, format)
		},
	}
	choiceFlag(c, &format, "output", "o", "table", []string{"table", "json"}, "what to print; json: one object a line")
	c.Flags().Uint64Var(&since, "since", 0, "begin after the event with this number; 0: with the oldest")
	c.Flags().BoolVar(&follow, "follow", true, "wait for more; =false ends at the latest event")
	c.Flags().StringSliceVar(&q.Types, "type", nil, "only these `types`: "+strings.Join(control.EventTypes, ", "))
	_ = c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(control.EventTypes, cobra.ShellCompDirectiveNoFileComp))
	c.Flags().StringVar(&q.Interface, "interface", "", "only events of sessions on this `interface`")
	addrFlag(c.Flags(), &q.Peer, "peer", "only events of sessions with this peer")
	addrFlag(c.Flags(), &q.Local, "local", "only events of sessions from this local address")
	return c
}

// follow prints events until there are no more.
func (e *env) follow(ctx context.Context, q control.EventQuery, format string) error {
	client := control.NewClient(e.control)
	defer client.Close()
	if format == "json" {
		enc := json.NewEncoder(e.stdout)
		return client.Events(ctx, q, func(ev control.Event) error { return enc.Encode(ev) })
	}
	header := sync.OnceFunc(func() { fmt.Fprintf(e.stdout, eventRow, "TIME", "SEQ", "TYPE", "PEER", "INTERFACE", "WHAT") })
	return client.Events(ctx, q, func(ev control.Event) error {
		header()
		return writeEvent(e.stdout, &ev)
	})
}

// eventRow is a line of the table; nobody knows how long the next ones will be.
const eventRow = "%-23s  %-13s  %-12s  %-15s  %-9s  %s\n"

func writeEvent(w io.Writer, ev *control.Event) error {
	peer, ifname := "-", "-"
	if s := ev.Session; s != nil {
		peer, ifname = address(s.Peer), dash(s.Interface)
	}
	_, err := fmt.Fprintf(w, eventRow, ev.Time.UTC().Format("2006-01-02 15:04:05.000"), fmt.Sprint(ev.Seq), ev.Type, peer, ifname, whatHappened(ev))
	return err
}

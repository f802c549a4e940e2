package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) debugCommand() *cobra.Command {
	var topics []*cobra.Command
	for _, t := range []struct {
		name, short string
		change      func(on *bool) control.DebugChange
	}{
		{"peer", "what is asked of sessions: created, changed, removed", func(on *bool) control.DebugChange { return control.DebugChange{Peer: on} }},
		{"network", "their paths: interfaces, neighbours, routes", func(on *bool) control.DebugChange { return control.DebugChange{Network: on} }},
		{"events", "each change of state, and who is told of it", func(on *bool) control.DebugChange { return control.DebugChange{Events: on} }},
	} {
		topics = append(topics, &cobra.Command{
			Use:       t.name + " on|off",
			Short:     "Log everything about " + t.short,
			ValidArgs: []string{"on", "off"},
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) != 1 || args[0] != "on" && args[0] != "off" {
					return usagef("on or off? Give one of them")
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				on := args[0] == "on"
				return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
					if _, err := client.SetDebug(ctx, t.change(&on)); err != nil {
						return err
					}
					fmt.Fprintf(e.stdout, "debug %s is %s\n", t.name, args[0])
					return nil
				})
			},
		})
	}
	return group(&cobra.Command{
		Use:   "debug COMMAND",
		Short: "Log everything about a topic for a while",
		Long:  "Log everything about a topic, until that is switched off or the daemon ends, whatever the log level.",
	}, topics...)
}

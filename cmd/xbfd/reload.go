package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) reloadCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "reload",
		Short: "Make the daemon read its file again: all of it or nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				r, err := client.Reload(ctx)
				if err != nil {
					return err
				}
				for _, text := range r.Warnings {
					fmt.Fprintf(e.stderr, "warning: %s\n", text)
				}
				if len(r.RestartNeeded) > 0 {
					fmt.Fprintf(e.stderr, "warning: changed, but only the next start will see it: %s\n", strings.Join(r.RestartNeeded, ", "))
				}
				return e.print(format, r, func(w io.Writer) { writeReport(w, &r) })
			})
		},
	}
	outputFlag(c, &format)
	return c
}

// maxReported is how many changes a reload shows one by one.
const maxReported = 20

// writeReport writes what a reload did, for people.
func writeReport(w io.Writer, r *control.ReloadReport) {
	for i := range r.Changes {
		if i == maxReported {
			fmt.Fprintf(w, "and %d more: -o json has them all\n", len(r.Changes)-i)
			break
		}
		fmt.Fprintln(w, changeInWords(&r.Changes[i]))
	}
	for _, what := range r.Settings {
		fmt.Fprintf(w, "changed %s\n", what)
	}
	fmt.Fprintf(w, "sessions: %d added, %d removed, %d changed, %d as before\n", r.Added, r.Removed, r.Changed, r.Unchanged)
}

func changeInWords(c *control.SessionDiff) string {
	text := fmt.Sprintf("%s %s", c.What, c.Peer)
	if c.Interface != "" {
		text += " on " + c.Interface
	}
	if c.Local.IsValid() {
		text += " from " + c.Local.String()
	}
	if c.Multihop {
		text += ", multihop"
	}
	for i, field := range c.Fields {
		if i == 0 {
			text += ": "
		} else {
			text += ", "
		}
		text += field
	}
	return text
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) configCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "config COMMAND", Short: "Check a configuration file, or show what runs",
	}, e.configCheckCommand(), e.configShowCommand())
}

func (e *env) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a configuration file, and where; no daemon is needed",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintf(e.stderr, "warning: %s\n%s", w, w.Excerpt())
			}
			fmt.Fprintf(e.stdout, "%s: fine, with %s and %s\n", args[0],
				plural(len(cfg.Peers), "peer"), plural(len(cfg.Profiles), "profile"))
			return nil
		},
	}
}

func (e *env) configShowCommand() *cobra.Command {
	format := "yaml"
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the running configuration as a file would have it",
		Long: "Show the running configuration as a file would have it: what the daemon read last, with all that\n" +
			"was changed and added since. A peer has what it does not get from its profile or the defaults.\n" +
			"Secrets are masked.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				doc, err := client.Config(ctx)
				if err != nil {
					return err
				}
				return e.print(format, doc, func(io.Writer) {})
			})
		},
	}
	choiceFlag(c, &format, "output", "o", "yaml", []string{"yaml", "json"}, "what to print")
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

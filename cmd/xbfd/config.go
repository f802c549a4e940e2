package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

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
			fmt.Fprintf(e.stdout, "%s: fine, with %s\n", args[0], contents(&cfg))
			return nil
		},
	}
}

// contents counts what a file holds: peers and profiles always, the rest if there is any.
func contents(cfg *config.Config) string {
	parts := []string{plural(len(cfg.Peers), "peer"), plural(len(cfg.Profiles), "profile")}
	for _, c := range []struct {
		n    int
		what string
	}{
		{len(cfg.Routes), "route"}, {len(cfg.NexthopGroups), "nexthop group"}, {len(cfg.Addresses), "address"},
		{len(cfg.Hooks), "hook"}, {len(cfg.Keys), "key"}, {len(cfg.DataPlane), "data plane"},
	} {
		if c.n > 0 {
			parts = append(parts, plural(c.n, c.what))
		}
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

func (e *env) configShowCommand() *cobra.Command {
	format := "yaml"
	c := shows(e, &cobra.Command{
		Use:   "show",
		Short: "Show the running configuration as a file would have it",
		Long: "Show the running configuration as a file would have it: what the daemon read last, with all that\n" +
			"was changed and added since. A peer has what it does not get from its profile or the defaults.\n" +
			"Secrets are masked.",
	}, &format, (*control.Client).Config, func(io.Writer, json.RawMessage) {})
	choiceFlag(c, &format, "output", "o", "yaml", []string{"yaml", "json"}, "what to print")
	return c
}

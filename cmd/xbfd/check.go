package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
)

func (e *env) configCommand() *cobra.Command {
	check := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a configuration file, and where",
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
	return group(&cobra.Command{Use: "config COMMAND", Short: "Work on a configuration file; no daemon is needed"}, check)
}

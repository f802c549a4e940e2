package main

import (
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/exabgp"
)

func (e *env) exabgpCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "exabgp -c FILE",
		Short: "Have ExaBGP announce routes while sessions are up",
		Long: "Have ExaBGP announce routes while sessions are up. ExaBGP starts it, as a process of its own\n" +
			"configuration; it follows the daemon's sessions, through restarts of the daemon, and ends with\n" +
			"ExaBGP. It logs to standard error, which is ExaBGP's.",
		Example: "  process xbfd { run /usr/local/bin/xbfd exabgp -c /etc/xbfd/exabgp.yaml; encoder text; }",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("which routes? Give -c FILE")
			}
			x, err := config.LoadExaBGP(file)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("control") {
				x.Control = e.control
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			daemon := client.New(x.Control)
			defer daemon.Close()
			p := exabgp.Process{
				Config: x, Daemon: daemon, In: e.stdin, Out: e.stdout, Log: slog.New(slog.NewTextHandler(e.stderr, nil)),
			}
			return p.Run(ctx)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the `file` that names the routes")
	return c
}

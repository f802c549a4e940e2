package main

import (
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/demo"
)

func (e *env) demoCommand() *cobra.Command {
	o := demo.Options{Sessions: 100}
	us, mult := uint32(10_000), uint8(3)
	intervalValue, multValue := &us, &mult
	var hold string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show it: sessions between two network namespaces, a silent cut, what it took to notice",
		Long: "Build two network namespaces joined by a bridge, run an engine in each, bring sessions up, hold\n" +
			"them, cut the path without telling either end, and report how long the detection took. It\n" +
			"needs root and leaves nothing behind. Status 1 if anything promised did not happen.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Hold, err = config.ParseDuration(hold, 24*time.Hour); err != nil {
				return usagef("--hold: %w", err)
			}
			o.Interval, o.Mult = time.Duration(*intervalValue)*time.Microsecond, int(*multValue)
			if err := o.Check(); err != nil {
				return usageError{err}
			}
			// Ctrl-C ends the demonstration, which then cleans up.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return e.demo(ctx, o, e.stdout)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Sessions, "sessions", o.Sessions, "`number` of sessions")
	intervalFlag(f, &intervalValue, "interval", config.Milliseconds, "how often each end sends; a bare number is milliseconds")
	byteFlag(f, &multValue, "mult", 1, 255, "how many packets may be missed")
	f.StringVar(&hold, "hold", "3s", "`duration` from all sessions up to the cut")
	f.BoolVar(&o.IPv6, "ipv6", false, "over IPv6")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object")
	choiceFlag(c, &o.Transport, "transport", "", config.DefaultTransport, config.Transports, "how to send and receive")
	return c
}

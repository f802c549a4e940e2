package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

func (e *env) pollCommand() *cobra.Command {
	return e.actOn(&cobra.Command{
		Use:   "poll X",
		Short: "Ask the peer for an answer now, by a Poll Sequence",
		Long: "Ask the peer for an answer now, by a Poll Sequence. In Demand mode this is the check whether the\n" +
			"peer is still reached: if no answer comes, the session goes down.",
	}, "polls its peer", (*control.Client).Poll)
}

// actOn completes a command that does one thing with one session and says so.
func (e *env) actOn(c *cobra.Command, done string, act func(*control.Client, context.Context, control.Target) (control.Session, error)) *cobra.Command {
	var format string
	chosen := target(c)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			s, err := act(client, ctx, t)
			if err != nil {
				return err
			}
			return e.done(format, done, s)
		})
	}
	return c
}

func (e *env) diagCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "diag X DIAGNOSTIC",
		Short: "Tell a session, and its peer, what somebody else has found out",
		Long: "Tell a session, and its peer, what somebody else has found out (RFC 5880 §6.8.15 to 6.8.17):\n\n" +
			"  forwarding-reset                the forwarding plane was reset: the session goes down and comes back\n" +
			"  path-down                       the path has failed: the session is held in admin-down until none\n" +
			"  concatenated-path-down          a path behind this one has failed: the session stays as it is\n" +
			"  reverse-concatenated-path-down  the same for the direction from there to here\n" +
			"  none                            takes the last three back",
		Example:           "  xbfd session diag 192.0.2.1 concatenated-path-down",
		ValidArgsFunction: completeSignal,
	}
	chosen := target(c)
	c.Args = cobra.MaximumNArgs(2)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("which diagnostic? Give X and one of %s", strings.Join(control.SignalNames(), ", "))
		}
		// X may be in --peer-addr; the diagnostic is the last word.
		last := len(args) - 1
		d, err := parseSignal(args[last])
		if err != nil {
			return err
		}
		t, err := chosen(args[:last])
		if err != nil {
			return err
		}
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			s, err := client.Signal(ctx, t, d)
			if err != nil {
				return err
			}
			return e.done(format, "is "+s.State+" and says "+s.Diagnostic, s)
		})
	}
	return c
}

func parseSignal(word string) (packet.Diag, error) {
	for _, d := range control.Signals {
		if d.String() == word {
			return d, nil
		}
	}
	names := control.SignalNames()
	if near := config.Nearest(word, names); near != "" {
		return 0, usagef("there is no diagnostic %q to set: did you mean %q?", word, near)
	}
	return 0, usagef("there is no diagnostic %q to set: there are %s", word, strings.Join(names, ", "))
}

func completeSignal(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return control.SignalNames(), cobra.ShellCompDirectiveNoFileComp
}

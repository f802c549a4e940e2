package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/frrview"
)

func (e *env) frrCommand() *cobra.Command {
	var lines []string
	c := &cobra.Command{
		Use:   "frr WORD...",
		Short: "Answer FRR's show and clear commands as FRR does",
		Long: "Answer FRR's show and clear commands as FRR 8.4.4 does, to the last key and space:\n\n" +
			"  show bfd [vrf V] peers [brief|counters] [json]\n" +
			"  show bfd [vrf V] peer A [multihop] [local-address L] [interface IF] [vrf V] [counters] [json]\n" +
			"  show bfd distributed\n" +
			"  show bfd static route [json]\n" +
			"  clear bfd [vrf V] peers counters\n" +
			"  clear bfd [vrf V] peer A [multihop] [local-address L] [interface IF] [vrf V] counters\n\n" +
			"Words may be cut short, as in vtysh. With -c a whole command is one argument, so that a script\n" +
			"of one line, exec xbfd frr \"$@\", stands in for vtysh.",
		Example: "  xbfd frr show bfd peers json\n  xbfd frr -c 'show bfd peers brief'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				lines = append(lines, strings.Join(args, " "))
			}
			if len(lines) == 0 {
				return usagef("which command? Give FRR's words, as in \"xbfd frr show bfd peers\"")
			}
			var commands []frrview.Command
			for _, line := range lines {
				parsed, err := frrview.Parse(strings.Fields(line))
				if err != nil {
					return usagef("%w", err)
				}
				commands = append(commands, parsed)
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				for _, c := range commands {
					if err := e.frr(ctx, client, c); err != nil {
						return err
					}
				}
				return nil
			})
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return frrview.Completions(args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().StringArrayVarP(&lines, "command", "c", nil, "a whole `command`, as vtysh takes it; may be given again")
	return c
}

// frr carries out one of FRR's commands.
func (e *env) frr(ctx context.Context, client *control.Client, c frrview.Command) error {
	if c.What == frrview.Distributed {
		st, err := client.Status(ctx)
		if err == nil {
			_, err = fmt.Fprint(e.stdout, frrview.ShowDistributed(st.DataPlanes))
		}
		return err
	}
	if c.What == frrview.StaticRoutes {
		list, err := client.Routes(ctx)
		if err == nil {
			_, err = fmt.Fprint(e.stdout, c.ShowRoutes(list))
		}
		return err
	}
	list, err := frrSessions(ctx, client, c)
	switch {
	case notFound(err):
		// FRR says so where its answers go; why, goes where ours does.
		fmt.Fprint(e.stdout, c.NotFound())
		return err
	case err != nil:
		return err
	case c.Clear:
		return frrClear(ctx, client, c.Of(list))
	}
	_, err = fmt.Fprint(e.stdout, c.Show(list))
	return err
}

// frrClear makes the counters of packets of sessions start again, and no others. One that has gone in the
// meantime, or does not run, has none.
func frrClear(ctx context.Context, client *control.Client, list []control.Session) error {
	for _, s := range list {
		if s.LocalDiscriminator == 0 {
			continue
		}
		_, err := client.ClearPackets(ctx, control.Target{X: strconv.FormatUint(uint64(s.LocalDiscriminator), 10)})
		if err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

func notFound(err error) bool {
	var refused *control.Error
	return errors.As(err, &refused) && refused.Code == control.CodeNotFound
}

// frrSessions returns the sessions that a command is about: the one it names, or
// all.
func frrSessions(ctx context.Context, client *control.Client, c frrview.Command) ([]control.Session, error) {
	switch c.What {
	case frrview.Peer, frrview.PeerCounters:
	default:
		return client.Sessions(ctx, control.Filter{})
	}
	if _, err := netip.ParseAddr(c.Peer); err != nil {
		return nil, control.Errorf(control.CodeNotFound, "%q is no address of a peer, and xbfd has no labels", c.Peer)
	}
	s, err := client.Session(ctx, control.Target{
		X: c.Peer, Local: c.Local, Interface: c.Interface, VRF: c.VRF, Multihop: &c.Multihop,
	})
	return []control.Session{s}, err
}

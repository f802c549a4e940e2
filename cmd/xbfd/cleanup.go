package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/routes"
)

// journals is where running daemons write down what would outlive them.
const journals = "/run/xbfd"

func (e *env) cleanupCommand() *cobra.Command {
	var format, dir string
	var withRoutes bool
	c := &cobra.Command{
		Use:   "cleanup",
		Short: "Remove what a daemon that was killed has left in the kernel",
		Long: "Remove what a daemon that was killed has left in the kernel: tc filters and the qdisc that held\n" +
			"them, and neighbour entries that the kernel was asked to keep. Only what the daemon wrote down\n" +
			"before it made it is removed, only in this network namespace, and nothing of a daemon that runs.\n" +
			"The next start does the same.\n\n" +
			"--routes removes also the routes, nexthops and addresses that an xbfd of this network namespace has\n" +
			"left as on-exit: keep says, or because it was killed. It refuses while a daemon keeps any.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			outcomes, err := leftovers.Sweep(dir)
			if err == nil && withRoutes {
				var gone []leftovers.Outcome
				gone, err = e.clearRoutes(cmd.Context(), dir)
				outcomes = append(outcomes, gone...)
			}
			if err != nil {
				err = fmt.Errorf("clean up: %w", err)
			}
			if err != nil && len(outcomes) == 0 {
				return err
			}
			if len(outcomes) == 0 && format != "json" && format != "yaml" {
				fmt.Fprintln(e.stdout, "nothing was left")
				return nil
			}
			if outcomes == nil {
				outcomes = []leftovers.Outcome{} // [] and not null
			}
			printed := e.print(format, outcomes, func(w io.Writer) { writeOutcomes(w, outcomes, format == "wide") })
			return cmp.Or(printed, err, unclean(outcomes))
		},
	}
	choiceFlag(c, &format, "output", "o", "table", listFormats, "how to print it")
	c.Flags().BoolVar(&withRoutes, "routes", false, "remove routes, nexthops and addresses, too")
	c.Flags().StringVar(&dir, "directory", journals, "`directory` of the daemons' journals")
	return c
}

// clearRoutes removes what nobody keeps any more.
func (e *env) clearRoutes(ctx context.Context, dir string) (outcomes []leftovers.Outcome, err error) {
	err = e.ask(ctx, func(ctx context.Context, c *control.Client) error {
		list, err := c.Routes(ctx)
		switch {
		case errors.Is(err, client.ErrNoDaemon):
			return nil
		case err != nil:
			return err
		case len(list) > 0: // and may have no claim, where it may not write one
			return errors.New("the daemon that runs keeps its routes: remove them from its file, and reload")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	claim, err := leftovers.NewClaim(dir, "routes")
	if errors.Is(err, leftovers.ErrClaimed) {
		return nil, fmt.Errorf("routes are %w: stop that first, or remove them from its file", err)
	}
	defer claim.Close()
	gone, err := routes.Clear()
	for i := range gone {
		o := &gone[i]
		kind := bpf.RemainsKind("route")
		switch {
		case o.ID != 0:
			kind = "nexthop-group"
		case o.Interface != "":
			kind = "address"
		}
		outcomes = append(outcomes, leftovers.Outcome{
			Remains: bpf.Remains{Kind: kind, Interface: o.Interface}, State: leftovers.Gone, Text: "removed: " + o.Describe(),
		})
	}
	return outcomes, err
}

func writeOutcomes(w io.Writer, outcomes []leftovers.Outcome, wide bool) {
	line := func(process, kind, ifname, result string, more ...string) {
		if !wide {
			more = nil
		}
		fmt.Fprintln(w, strings.Join(slices.Concat([]string{process, kind, ifname}, more, []string{result}), "\t"))
	}
	line("PROCESS", "WHAT", "INTERFACE", "RESULT", "IFINDEX", "PRIORITY", "PROGRAM", "NAMESPACE")
	for _, o := range outcomes {
		line(number(o.Process), cmp.Or(string(o.Kind), "journal"), dash(o.Interface), o.Text,
			number(o.Ifindex), number(o.Priority), number(o.Program), number(o.Namespace))
	}
}

// number returns a number for people, 0 being none.
func number[T int | uint16 | uint32 | uint64](n T) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// unclean says why something is left.
func unclean(outcomes []leftovers.Outcome) error {
	left := 0
	for _, o := range outcomes {
		switch o.State {
		case leftovers.Owned:
			return fmt.Errorf("clean up: process %d runs and needs what it has made: stop it first, and it removes that itself", o.Process)
		case leftovers.Failed, leftovers.Foreign:
			left++
		}
	}
	if left > 0 {
		return fmt.Errorf("clean up: %d of %d things are left, as told above", left, len(outcomes))
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) sessionsCommand() *cobra.Command {
	var f control.Filter
	var format, order string
	var brief bool
	c := &cobra.Command{
		Use:   "sessions",
		Short: "List sessions",
		Long: "List sessions, sorted by the peers' addresses or as --sort says: those in trouble, that were up\n" +
			"for the shortest time, went down most often or came nearest to it come first.\n\n" +
			"TX is the interval at which we send now, RX the one at which the peer may be expected to,\n" +
			"DETECT how long its silence is borne.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if brief && cmd.Flags().Changed("output") {
				return usagef("give --brief or --output, not both")
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				list, err := client.Sessions(ctx, f)
				if err != nil {
					return err
				}
				sortSessions(list, order)
				return e.print(format, list, func(w io.Writer) {
					if brief {
						writeBrief(w, list)
						return
					}
					writeSessions(w, list, format == "wide")
				})
			})
		},
	}
	choiceFlag(c, &format, "output", "o", "table", listFormats, "what to print")
	choiceFlag(c, &f.State, "state", "", "", control.States, "only sessions in this state")
	c.Flags().StringVar(&f.Interface, "interface", "", "only sessions on this `interface`")
	addrFlag(c.Flags(), &f.Peer, "peer", "only sessions with this peer")
	addrFlag(c.Flags(), &f.Local, "local", "only sessions from this local address")
	c.Flags().StringVar(&f.VRF, "vrf", "", "only sessions in this `VRF`")
	c.Flags().StringVar(&f.Profile, "profile", "", "only sessions that have this `profile`")
	c.Flags().StringVar(&f.Owner, "owner", "", "only sessions that this `owner` asked for first: file, api or a client's name")
	choiceFlag(c, &order, "sort", "", "peer", sessionOrderNames(), "what to sort by")
	c.Flags().BoolVar(&brief, "brief", false, "one short line for each session")
	boolFlag(c.Flags(), &f.Multihop, "multihop", "only multihop sessions; =false for the others")
	return c
}

func writeSessions(w io.Writer, list []control.Session, wide bool) {
	fmt.Fprint(w, "PEER\tLOCAL\tINTERFACE\tSTATE\tDIAG\tTX\tRX\tDETECT\tUPTIME\tTRANSPORT")
	if wide {
		fmt.Fprint(w, "\tVRF\tTYPE\tECHO\tDEMAND\tOWNER\tPROFILE\tROLE\tDISCR\tREMOTE-DISCR\tREMOTE-STATE\tREMOTE-DIAG\tMULT\tSENT\tRECEIVED\tUPS\tDOWNS\tPATH")
	}
	fmt.Fprintln(w)
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s",
			s.Peer, address(s.Local), dash(s.Interface), s.State, s.Diagnostic,
			interval(s.NegotiatedTx), interval(receiveInterval(&s)), interval(s.DetectionTime), uptime(&s), dash(s.Transport))
		if wide {
			fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s",
				s.VRF, sessionType(&s), s.Echo.Mode, s.Demand.Mode, s.Owner, dash(s.Profile), s.Role, s.LocalDiscriminator, s.RemoteDiscriminator, s.RemoteState, s.RemoteDiagnostic,
				s.DetectMult, s.Counters.Tx, s.Counters.Rx+s.Counters.RxHeard, s.Counters.Up, s.Counters.Down, s.Path)
		}
		fmt.Fprintln(w)
	}
}

// receiveInterval is the longest time between two packets that the peer has
// promised (RFC 5880 §6.8.4).
func receiveInterval(s *control.Session) uint32 { return max(s.RequiredMinRx, s.RemoteDesiredMinTx) }

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) sessionCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "session COMMAND",
		Short: "Look at one session, or change sessions of the running daemon",
		Long: "Look at one session, or change sessions of the running daemon.\n\n" +
			"X is the address of a peer or a local discriminator; where several sessions have the peer,\n" +
			"--interface, --local-addr (or --local) and --multihop choose one. --peer-addr A says the same as X. A\n" +
			"change holds until the daemon ends or changes that session by its file; only the file is\n" +
			"for ever. For --desired-min-tx and --required-min-rx a number without a unit is microseconds,\n" +
			"as in VPP; for all other intervals it is milliseconds.",
	},
		e.showCommand(), e.addCommand(), e.setCommand(), e.delCommand(), e.authCommand(),
		e.pollCommand(), e.diagCommand(), e.clearCommand(), e.captureCommand(),
		e.shutdownCommand("up", "Take a session out of AdminDown", "taken out of admin-down", false),
		e.shutdownCommand("down", "Put a session into AdminDown and tell the peer so", "put into admin-down", true))
	// The names of the rest of xbfd besides VPP's.
	c.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "local", "peer":
			name += "-addr"
		}
		return pflag.NormalizedName(name)
	})
	return c
}

// target adds the flags that choose one session and returns what they and the
// arguments say.
func target(c *cobra.Command) func(args []string) (control.Target, error) {
	var t control.Target
	c.Flags().StringVar(&t.X, "peer-addr", "", "`address` of the peer, instead of X")
	c.Flags().StringVar(&t.Local, "local-addr", "", "local `address` of the session")
	c.Flags().StringVar(&t.Interface, "interface", "", "`interface` of the session")
	c.Flags().StringVar(&t.VRF, "vrf", "", "`VRF` of the session")
	boolFlag(c.Flags(), &t.Multihop, "multihop", "the session is a multihop one; =false for another")
	c.Args = cobra.MaximumNArgs(1)
	return func(args []string) (control.Target, error) {
		switch {
		case len(args) == 1 && t.X != "":
			return t, usagef("give X or --peer-addr, not both")
		case len(args) == 1:
			t.X = args[0]
		}
		if t.X == "" {
			return t, usagef("which session? Give the peer's address or a local discriminator")
		}
		return t, nil
	}
}

func outputFlag(c *cobra.Command, format *string) {
	choiceFlag(c, format, "output", "o", "table", oneFormats, "what to print")
}

func (e *env) showCommand() *cobra.Command {
	var format string
	var yang bool
	c := &cobra.Command{
		Use:   "show X",
		Short: "Show one session in full",
		Long: "Show one session in full. With --yang, as JSON or YAML under the names of RFC 9314, encoded as\n" +
			"RFC 7951 says.",
	}
	chosen := target(c)
	outputFlag(c, &format)
	c.Flags().BoolVar(&yang, "yang", false, "with -o json or yaml: the names of RFC 9314")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		if yang && format == "table" {
			return usagef("--yang goes with -o json or -o yaml")
		}
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			s, err := client.Session(ctx, t)
			if err != nil {
				return err
			}
			if yang {
				return e.print(format, inYANG(&s), nil)
			}
			return e.print(format, s, func(w io.Writer) { writeSession(w, &s) })
		})
	}
	return c
}

// valueFlags are the flags for what can be changed on a live session.
func valueFlags(f *pflag.FlagSet, c *control.SessionChange) {
	intervalFlag(f, &c.DesiredMinTx, "desired-min-tx", config.Microseconds, "send no more often than this")
	intervalFlag(f, &c.RequiredMinRx, "required-min-rx", config.Microseconds, "ask the peer to send no more often than this")
	byteFlag(f, &c.DetectMult, "detect-mult", 1, 255, "how many packets may be missed")
	boolFlag(f, &c.Passive, "passive", "wait for the peer to speak first")
	boolFlag(f, &c.HoldDown, "hold-down", "keep the session Down on purpose")
	byteFlag(f, &c.DSCP, "dscp", 0, 63, "mark packets with this DSCP")
	byteFlag(f, &c.MinTTL, "minimum-ttl", 1, 255, "multihop: accept packets that arrive with this TTL or more")
	boolFlag(f, &c.Strict, "strict-interface", "accept packets from the session's interface only")
	boolFlag(f, &c.Echo, "echo-mode", "send Echo packets, which the peer forwards back")
	intervalFlag(f, &c.EchoTx, "echo-transmit-interval", config.Milliseconds, "send Echo packets no more often than this")
	switchFlag(f, &c.EchoRx, "echo-receive-interval", "let the peer send Echo packets no more often than this, or disabled")
	boolFlag(f, &c.Demand, "demand-mode", "ask the peer for no periodic packets")
	intervalFlag(f, &c.DemandPoll, "demand-poll-interval", config.Milliseconds, "in Demand mode, poll the peer this often; 0 for only on command")
	intervalFlag(f, &c.HoldOff, "hold-off", config.Milliseconds, "tell clients of no outage that is over within this time")
	intervalFlag(f, &c.Ceiling, "congestion-ceiling", config.Milliseconds, "how slow congestion may make the session; 0 for not at all")
}

// done prints the session that a command left behind.
func (e *env) done(format, what string, s control.Session) error {
	return e.print(format, s, func(w io.Writer) {
		fmt.Fprintf(w, "session %d with %s %s\n", s.LocalDiscriminator, s.Peer, what)
	})
}

func (e *env) addCommand() *cobra.Command {
	var spec control.SessionSpec
	var auth authFlags
	var format string
	c := &cobra.Command{
		Use:     "add --peer-addr ADDRESS",
		Short:   "Create a session",
		Example: "  xbfd session add --peer-addr 192.0.2.1 --interface eth0 --desired-min-tx 10ms --required-min-rx 10ms",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !spec.Peer.IsValid() {
				return usagef("a session with whom? Give --peer-addr")
			}
			if spec.Auth, err = auth.spec(); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				s, err := client.Add(ctx, spec)
				if err != nil {
					return err
				}
				return e.done(format, "added", s)
			})
		},
	}
	f := c.Flags()
	addrFlag(f, &spec.Peer, "peer-addr", "address of the peer")
	addrFlag(f, &spec.Local, "local-addr", "address of this host; the route decides when it is left out")
	f.StringVar(&spec.Interface, "interface", "", "`interface` to the peer; the route decides when it is left out")
	f.StringVar(&spec.VRF, "vrf", "", "`VRF` of the session; default: that of the interface, if one is named")
	f.BoolVar(&spec.Multihop, "multihop", false, "the peer is more than one hop away (RFC 5883)")
	f.BoolVar(&spec.Unaffiliated, "unaffiliated-echo", false, "the peer speaks no BFD: hear our own packets, which it forwards back (RFC 9747)")
	f.StringVar(&spec.Profile, "profile", "", "`name` of the profile for what is not said here")
	valueFlags(f, &spec.SessionChange)
	boolFlag(f, &spec.Shutdown, "shutdown", "create it in AdminDown")
	auth.add(f)
	f.BoolVar(&auth.off, "no-auth", false, "do not authenticate, whatever the profile says")
	outputFlag(c, &format)
	return c
}

func (e *env) setCommand() *cobra.Command {
	var change control.SessionChange
	var format string
	c := &cobra.Command{
		Use:     "set X",
		Short:   "Change a session without a flap",
		Example: "  xbfd session set 192.0.2.1 --desired-min-tx 50000 --required-min-rx 50000 --detect-mult 3",
	}
	chosen := target(c)
	valueFlags(c.Flags(), &change)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		if change == (control.SessionChange{}) {
			return usagef("nothing to set: say what to change")
		}
		return e.change(cmd, t, change, format, "changed")
	}
	return c
}

func (e *env) change(cmd *cobra.Command, t control.Target, change control.SessionChange, format, what string) error {
	return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
		s, err := client.Change(ctx, t, change)
		if err != nil {
			return err
		}
		return e.done(format, what, s)
	})
}

func (e *env) shutdownCommand(name, short, what string, shutdown bool) *cobra.Command {
	var format string
	c := &cobra.Command{Use: name + " X", Short: short}
	chosen := target(c)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		return e.change(cmd, t, control.SessionChange{Shutdown: &shutdown}, format, what)
	}
	return c
}

func (e *env) delCommand() *cobra.Command {
	c := &cobra.Command{Use: "del X", Short: "Remove a session that was added here"}
	chosen := target(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			if err := client.Delete(ctx, t); err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "session %s removed\n", t.X)
			return nil
		})
	}
	return c
}

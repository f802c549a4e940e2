package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xbfd/xbfd/internal/control"
)

// authFlags name the key that a session is to authenticate by, as VPP does.
type authFlags struct {
	key   *uint32
	keyID *uint8
	off   bool // only for a new session
}

func (a *authFlags) add(f *pflag.FlagSet) {
	numberFlag(f, &a.key, "conf-key-id", "authenticate by this key of the pool")
	byteFlag(f, &a.keyID, "bfd-key-id", 0, 255, "key id in packets, the same as at the peer; the key's own when it is left out")
}

// spec returns what the flags say, nil without any.
func (a *authFlags) spec() (*control.AuthSpec, error) {
	switch {
	case a.off && (a.key != nil || a.keyID != nil):
		return nil, usagef("give --no-auth or --conf-key-id, not both")
	case a.off:
		return &control.AuthSpec{Off: true}, nil
	case a.key == nil && a.keyID == nil:
		return nil, nil
	case a.key == nil:
		return nil, usagef("--bfd-key-id goes with --conf-key-id")
	}
	s := &control.AuthSpec{Key: a.key, KeyID: a.keyID}
	if _, err := control.ResolveAuth(s); err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

func (e *env) authCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "auth COMMAND",
		Short: "Change the authentication of a session",
		Long: "Change the authentication of a session.\n\n" +
			"To do it without a flap, change one end with --delayed: it goes on as before until the other\n" +
			"end uses the new authentication. Then change the other end, without --delayed.",
	}, e.activateCommand(), e.deactivateCommand())
}

const delayedUsage = "go on as before until the peer does so too"

func (e *env) activateCommand() *cobra.Command {
	var auth authFlags
	var delayed bool
	var format string
	c := &cobra.Command{
		Use:     "activate X --conf-key-id N --bfd-key-id M",
		Short:   "Authenticate a session, or do it by another key",
		Example: "  xbfd session auth activate 192.0.2.1 --conf-key-id 1 --bfd-key-id 13 --delayed",
	}
	chosen := target(c)
	auth.add(c.Flags())
	c.Flags().BoolVar(&delayed, "delayed", false, delayedUsage)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		spec, err := auth.spec()
		if err != nil {
			return err
		}
		if spec == nil {
			return usagef("by which key? Give --conf-key-id")
		}
		return e.changeAuth(cmd, t, control.AuthChange{Key: spec.Key, KeyID: spec.KeyID, Delayed: delayed}, format)
	}
	return c
}

func (e *env) deactivateCommand() *cobra.Command {
	var delayed bool
	var format string
	c := &cobra.Command{Use: "deactivate X", Short: "Stop authenticating a session"}
	chosen := target(c)
	c.Flags().BoolVar(&delayed, "delayed", false, delayedUsage)
	outputFlag(c, &format)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		if err != nil {
			return err
		}
		return e.changeAuth(cmd, t, control.AuthChange{Off: true, Delayed: delayed}, format)
	}
	return c
}

func (e *env) changeAuth(cmd *cobra.Command, t control.Target, change control.AuthChange, format string) error {
	return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
		s, err := client.SetAuth(ctx, t, change)
		if err != nil {
			return err
		}
		return e.done(format, "has authentication "+authentication(s.Auth), s)
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/daemon"
	"github.com/xbfd/xbfd/internal/demo"
)

// Exit statuses.
const (
	exitDone     = 0
	exitFailed   = 1 // refused, or did not work
	exitUsage    = 2 // wrong arguments: nothing was tried
	exitNoDaemon = 3
)

// answerTime is how long a command waits for the daemon.
const answerTime = 15 * time.Second

// env is all that the commands know of the world around them, so that tests
// can run them in their own process.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	version        string

	run  func(ctx context.Context, cfg config.Config, o daemon.Options) error
	demo func(ctx context.Context, o demo.Options, out io.Writer) error

	control string // --control
	started bool   // the arguments were understood and a command runs
}

// usageError is wrong usage that only the command itself can see.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// main runs the command that args name and returns the exit status.
func (e *env) main(ctx context.Context) int {
	root := e.root()
	root.SetArgs(e.args)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	e.explain(err)
	var usage usageError
	switch {
	case !e.started || errors.As(err, &usage):
		fmt.Fprintf(e.stderr, "See %s --help.\n", cmd.CommandPath())
		return exitUsage
	case errors.Is(err, control.ErrNoDaemon):
		return exitNoDaemon
	}
	return exitFailed
}

func (e *env) explain(err error) {
	var refused *config.Error
	if errors.As(err, &refused) && refused.Problems[0].File != "" {
		// Lines that begin with file:line:column, as editors like them.
		fmt.Fprintln(e.stderr, refused.Detail())
		return
	}
	fmt.Fprintf(e.stderr, "xbfd: %v\n", err)
}

func (e *env) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "xbfd COMMAND",
		Short: "Bidirectional Forwarding Detection over AF_XDP",
		Long: "xbfd keeps BFD sessions (RFC 5880, 5881) with routers and other hosts and notices within\n" +
			"milliseconds when one is no longer reached.\n\n" +
			"Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon.",
		Version:       e.version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			e.control, err = filepath.Abs(e.control)
			e.started = err == nil
			return err
		},
	},
		e.runCommand(), e.demoCommand(), e.benchCommand(),
		e.sessionsCommand(), e.sessionCommand(), e.keyCommand(), e.echoSourceCommand(), e.interfaceCommand(),
		e.frrCommand(),
		e.profileCommand(), e.countersCommand(), e.debugCommand(), e.cleanupCommand(),
		e.eventsCommand(), e.exabgpCommand(), e.routesCommand(), e.explainCommand(), e.statusCommand(), e.topCommand(), e.doctorCommand(), e.reloadCommand(), e.configCommand(), e.versionCommand())
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().StringVar(&e.control, "control", config.DefaultControlPath, "path of the control `socket`")
	e.complete(root)
	return root
}

// group makes a command of commands: by itself it does nothing, and a word it
// does not know is wrong usage.
func group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.AddCommand(commands...)
	c.DisableFlagsInUseLine = true
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("which command?\n\n%s", cmd.UsageString())
		}
		known := make([]string, 0, len(commands))
		for _, sub := range cmd.Commands() {
			known = append(known, sub.Name())
		}
		if near := config.Nearest(args[0], known); near != "" {
			return fmt.Errorf("%s has no command %q: did you mean %q?", cmd.CommandPath(), args[0], near)
		}
		return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
	}
	c.RunE = func(*cobra.Command, []string) error { return nil } // Args lets nothing through
	return c
}

// ask runs f with a client of the daemon.
func (e *env) ask(ctx context.Context, f func(context.Context, *control.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	client := control.NewClient(e.control)
	defer client.Close()
	return f(ctx, client)
}

// shows makes c a command without arguments that prints what the daemon answers to
// get: write does it for people.
func shows[T any](e *env, c *cobra.Command, format *string, get func(*control.Client, context.Context) (T, error), write func(io.Writer, T)) *cobra.Command {
	c.Args = cobra.NoArgs
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			answer, err := get(client, ctx)
			if err != nil {
				return err
			}
			return e.print(*format, answer, func(w io.Writer) { write(w, answer) })
		})
	}
	return c
}

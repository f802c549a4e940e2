package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/daemon"
)

func (e *env) runCommand() *cobra.Command {
	var file string
	var over config.Overrides
	one := config.Args{}
	tx, rx, mult := uint32(config.DefaultInterval), uint32(config.DefaultInterval), uint8(config.DefaultDetectMult)
	txFlag, rxFlag, multFlag := &tx, &rx, &mult
	c := &cobra.Command{
		Use:   "run -c FILE | run LOCAL PEER",
		Short: "Run the daemon in the foreground",
		Long: "Run the daemon in the foreground, with the sessions of a file or with a single one. It logs to\n" +
			"standard error. SIGHUP reads the file again; SIGTERM and SIGINT tell every peer AdminDown and\n" +
			"leave, and at a second one it leaves at once.",
		Example: "  xbfd run -c /etc/xbfd/xbfd.yaml\n" +
			"  xbfd run 192.0.2.2 192.0.2.1 --tx-interval 15ms --rx-interval 15ms --detect-mult 3",
		Args: func(cmd *cobra.Command, args []string) error { return checkRunArgs(cmd, file, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("control") {
				over.Control = e.control
			}
			o := daemon.Options{
				Version: e.version, LogTo: e.stderr, Supervisor: supervisor(), Alone: true,
				Journals: journals,
			}
			var cfg config.Config
			var err error
			if file != "" {
				o.Load = loader(file, over)
				cfg, err = o.Load()
			} else {
				one.Local, one.Peer = args[0], args[1]
				one.DesiredMinTx, one.RequiredMinRx, one.DetectMult = *txFlag, *rxFlag, *multFlag
				cfg, err = config.FromArgs(one)
				cfg = over.Apply(cfg)
				if err != nil {
					err = usageError{err}
				}
			}
			if err != nil {
				return err
			}
			o.DropPrivileges = func() error { return dropPrivileges(forSockets(cfg.DataPlane)...) }
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
			defer signal.Stop(signals)
			o.Signals = signals
			return e.run(cmd.Context(), cfg, o)
		},
	}
	f := c.Flags()
	f.StringVarP(&file, "config", "c", "", "the configuration `file`")
	f.StringVar(&one.Interface, "interface", "", "`interface` to the peer; the route decides when it is left out")
	intervalFlag(f, &txFlag, "tx-interval", config.Milliseconds, "send no more often than this; a bare number is milliseconds")
	intervalFlag(f, &rxFlag, "rx-interval", config.Milliseconds, "ask the peer to send no more often than this")
	byteFlag(f, &multFlag, "detect-mult", 1, 255, "how many packets may be missed")
	choiceFlag(c, &over.LogLevel, "log-level", "", "", config.LogLevels, "what to log, instead of what the file says")
	choiceFlag(c, &over.LogFormat, "log-format", "", "", config.LogFormats, "how to log, instead of what the file says")
	choiceFlag(c, &over.Transport, "transport", "", "", config.Transports, "how to send and receive, instead of what the file says")
	return c
}

// checkRunArgs wants a file or two addresses, and each with its own flags.
func checkRunArgs(cmd *cobra.Command, file string, args []string) error {
	if file == "" {
		if len(args) != 2 {
			return usagef("give -c FILE, or LOCAL PEER: the address of this host and that of the other end")
		}
		return nil
	}
	if len(args) > 0 {
		return usagef("give -c FILE or LOCAL PEER, not both")
	}
	for _, name := range []string{"interface", "tx-interval", "rx-interval", "detect-mult"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s goes with LOCAL PEER: write it into %s", name, file)
		}
	}
	return nil
}

// loader returns a function that reads file as it is when it is called, from
// wherever the process then is.
func loader(file string, over config.Overrides) func() (config.Config, error) {
	if path, err := filepath.Abs(file); err == nil {
		file = path
	}
	return func() (config.Config, error) {
		cfg, err := config.Load(file)
		if err != nil {
			return cfg, err
		}
		return over.Apply(cfg), nil
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/doctor"
)

// floorTime is how long the doctor measures wake-ups.
const floorTime = 300 * time.Millisecond

func (e *env) doctorCommand() *cobra.Command {
	var format, file, ifname string
	c := &cobra.Command{
		Use:   "doctor [-c FILE]",
		Short: "Say what this host can do, what it cannot, and what to do about it",
		Long: "Look at this host and say what xbfd can do on it, what keeps it from doing more, and the\n" +
			"remedy; measure how late the kernel wakes a thread, and say which intervals are safe. It\n" +
			"changes nothing. What is wanted is read from FILE, or else from the running daemon.\n\n" +
			"Exit status: 0 when nothing fails, 1 when something does.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want, err := e.wanted(cmd.Context(), file)
			if err != nil {
				return err
			}
			host, err := doctor.Here(want, ifname)
			if err != nil {
				return err
			}
			cpu := -1
			if len(want.CPUs) > 0 {
				cpu = want.CPUs[0]
			}
			host.Wakeups, err = doctor.Measure(cmd.Context(), floorTime, want.Priority, cpu)
			if err != nil {
				fmt.Fprintf(e.stderr, "warning: wake-ups: %v: measured without\n", err)
				if host.Wakeups, err = doctor.Measure(cmd.Context(), floorTime, 0, -1); err != nil {
					return err
				}
			}
			report := doctor.Examine(host)
			if err := e.print(format, report, func(w io.Writer) { writeFindings(w, report) }); err != nil {
				return err
			}
			if n := report.Fails(); n > 0 {
				return fmt.Errorf("%s", plural(n, "check")+" failed")
			}
			return nil
		},
	}
	outputFlag(c, &format)
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `file` whose sessions are wanted")
	c.Flags().StringVar(&ifname, "interface", "", "look at this `interface` only")
	return c
}

func writeFindings(w io.Writer, r doctor.Report) {
	for _, f := range r.Findings {
		name := f.Check
		if f.Interface != "" {
			name += " " + f.Interface
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Verdict, name, f.Text)
	}
}

// wanted reads what this host is wanted for from a file, or from the daemon if
// there is one.
func (e *env) wanted(ctx context.Context, file string) (w doctor.Want, err error) {
	if file != "" {
		cfg, err := config.Load(file)
		if err != nil {
			return w, err
		}
		return wantedBy(cfg), nil
	}
	err = e.ask(ctx, func(ctx context.Context, client *control.Client) error {
		st, err := client.Status(ctx)
		if err != nil {
			return err
		}
		sessions, err := client.Sessions(ctx, control.Filter{})
		w = runningAs(st, sessions)
		return err
	})
	if err != nil {
		if !errors.Is(err, control.ErrNoDaemon) {
			fmt.Fprintf(e.stderr, "warning: what the daemon wants is not known: %v\n", err)
		}
		return doctor.Want{}, nil
	}
	return w, nil
}

func wantedBy(cfg config.Config) doctor.Want {
	w := doctor.Want{From: cfg.File, Transport: cfg.TransportFor, Priority: cfg.Workers.FIFO(), CPUs: cfg.Workers.CPUs}
	for _, p := range cfg.Peers {
		w.Peers = append(w.Peers, doctor.Peer{
			Addr: p.Peer, Interface: p.Interface, Multihop: p.Multihop,
			Interval: min(p.DesiredMinTx, p.RequiredMinRx), Mult: p.DetectMult, Echo: p.EchoTx > 0,
		})
	}
	return w
}

// runningAs is what a daemon does.
func runningAs(st control.Status, sessions []control.Session) doctor.Want {
	w := doctor.Want{From: "the daemon", Process: st.PID}
	for _, k := range st.Workers {
		w.Priority = k.Priority
		if k.CPU >= 0 {
			w.CPUs = append(w.CPUs, k.CPU)
		}
	}
	for _, s := range sessions {
		w.Peers = append(w.Peers, doctor.Peer{
			Addr: s.Peer, Interface: s.Interface, Multihop: s.Multihop,
			Interval: min(s.DesiredMinTx, s.RequiredMinRx), Mult: s.DetectMult, Echo: s.Echo.TxInterval > 0,
		})
	}
	return w
}

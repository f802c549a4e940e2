package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

func (e *env) captureCommand() *cobra.Command {
	var format, file string
	c := &cobra.Command{
		Use:   "capture X [-w FILE]",
		Short: "Show what a session's packets last said, or watch them live",
		Long: "Show what a session's Control packets last said, both directions: tcpdump does not see frames\n" +
			"that XDP takes. A packet that says the same as the one before it is counted, not listed.\n\n" +
			"-w FILE writes a pcapng file, in which what was put together instead of recorded says so in its\n" +
			"comment. -w - writes each packet to standard output as it passes, until interrupted; meanwhile\n" +
			"every packet of the session goes through the engine, so that none is missed.",
		Example: "  xbfd session capture 192.0.2.1\n" +
			"  xbfd session capture 192.0.2.1 -w session.pcapng\n" +
			"  xbfd session capture 192.0.2.1 -w - | tcpdump -r -",
	}
	chosen := target(c)
	outputFlag(c, &format)
	c.Flags().StringVarP(&file, "write", "w", "", "write a pcapng `file`; - for live packets on standard output")
	_ = c.MarkFlagFilename("write", "pcapng")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := chosen(args)
		switch {
		case err != nil:
			return err
		case file != "" && cmd.Flags().Changed("output"):
			return usagef("-o says how to print, and -w writes pcapng: give one of them")
		case file == "-":
			return e.watch(cmd.Context(), t)
		}
		return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
			if file != "" {
				return writeFile(file, func(w io.Writer) error { return client.CaptureTo(ctx, t, false, w) })
			}
			found, err := client.Capture(ctx, t)
			if err != nil {
				return err
			}
			return e.print(format, found, func(w io.Writer) { writeCapture(w, &found) })
		})
	}
	return c
}

// watch writes packets as they pass.
func (e *env) watch(ctx context.Context, t control.Target) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client := control.NewClient(e.control)
	defer client.Close()
	return client.CaptureTo(ctx, t, true, e.stdout)
}

// writeFile makes a file of what fill writes, and leaves none behind when that
// fails.
func writeFile(name string, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // the name in it is a temporary one
		}
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	err = fill(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o640); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func writeCapture(w io.Writer, c *control.Capture) {
	fmt.Fprintln(w, "TIME\tDIR\tPACKET\tMY\tYOUR\tMULT\tTX\tRX\tREPEATS\tLAST\tNOTE")
	for i := range c.Frames {
		f := &c.Frames[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Time.UTC().Format(clockTime), f.Direction, packetColumns(f.Frame),
			dashZero(f.Repeats), lastOf(f), dash(noteOf(f)))
	}
}

const clockTime = "15:04:05.000000"

func lastOf(f *control.CapturedFrame) string {
	if f.Repeats == 0 {
		return "-"
	}
	return f.Last.UTC().Format(clockTime)
}

func dashZero(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// noteOf is a frame's comment without what its columns tell.
func noteOf(f *control.CapturedFrame) string {
	note := f.Comment
	if f.Heard > 0 && !f.Rebuilt {
		note = strings.TrimPrefix(note+fmt.Sprintf("; %d repeats heard by XDP", f.Heard), "; ")
	}
	return note
}

// packetColumns are what the Control packet in a frame says.
func packetColumns(frame []byte) string {
	var d packet.Datagram
	packet.ParseEthernet(frame, &d)
	var c packet.Control
	if drop := c.Decode(d.Payload); drop != packet.DropNone {
		return drop.String() + "\t-\t-\t-\t-\t-"
	}
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%s\t%s", packetWords(&c), c.MyDiscr, c.YourDiscr, c.DetectMult,
		interval(c.DesiredMinTx), interval(c.RequiredMinRx))
}

// packetWords is a packet's state, bits and diagnostic, as in "up P/control-expiry".
func packetWords(c *packet.Control) string {
	text := c.State.String()
	for _, b := range []struct {
		letter string
		on     bool
	}{{"P", c.Poll}, {"F", c.Final}, {"C", c.CPI}, {"A", c.Auth}, {"D", c.Demand}} {
		if b.on {
			text += " " + b.letter
		}
	}
	if c.Diag != packet.DiagNone {
		text += "/" + c.Diag.String()
	}
	return text
}

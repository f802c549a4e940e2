package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/explain"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

func (e *env) explainCommand() *cobra.Command {
	var format, file, ifname string
	c := &cobra.Command{
		Use:   "explain FRAME|PCAP|-",
		Short: "Say what XDP and the engine would do with a frame, and why",
		Long: "Say what XDP and the engine would do with a frame, and why. FRAME is its bytes in hexadecimal,\n" +
			"from the Ethernet header on; PCAP a pcap or pcapng file, one line for each frame; - reads either\n" +
			"from standard input. The sessions are those of the running daemon as they are now, or of a file\n" +
			"with -c, whose keys also show whether a digest is right.\n\n" +
			"As root the XDP program itself judges, run by the kernel on nothing but these frames; otherwise\n" +
			"the same rules in Go. No session is touched.",
		Example: "  xbfd explain capture.pcapng\n" +
			"  tcpdump -i eth0 -c 1 -w - udp port 3784 | xbfd explain - -c /etc/xbfd/xbfd.yaml\n" +
			"  xbfd explain 020000000001020000000002080045c0003400004000ff11…",
		RunE: func(cmd *cobra.Command, args []string) error {
			frames, err := e.framesOf(args)
			if err != nil {
				return err
			}
			sessions, err := e.sessionsToExplain(cmd.Context(), file, frames)
			if err != nil {
				return err
			}
			explain.Complete(sessions, frames)
			lowers, _ := netlinkmon.ListLowers() // without them frames of VLANs are taken for the kernel's
			x := explain.New(explain.Options{Sessions: sessions, Interface: ifname, MAC: macOf(sessions), Lowers: lowers})
			defer x.Close()
			reports := make([]explain.Report, 0, len(frames))
			for i, f := range frames {
				r := x.Explain(f)
				r.Number = i + 1
				reports = append(reports, r)
			}
			return e.print(format, reports, func(w io.Writer) { writeExplanations(w, reports, x.Program()) })
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "judge by the sessions of this `file` instead of the daemon's")
	c.Flags().StringVar(&ifname, "interface", "", "`interface` on which the frames arrive; that of the session when it is left out")
	outputFlag(c, &format)
	return c
}

// maxExplained bounds what is read, in bytes.
const maxExplained = 256 << 20

// framesOf reads what the arguments name.
func (e *env) framesOf(args []string) ([]explain.Frame, error) {
	if len(args) == 0 {
		return nil, usagef("which frame? Give its bytes in hexadecimal, a pcap file, or - for standard input")
	}
	input := []byte(strings.Join(args, " "))
	if len(args) == 1 {
		var from io.Reader
		if args[0] == "-" {
			from = e.stdin
		} else if f, err := os.Open(args[0]); err == nil {
			defer f.Close()
			from = f
		} else if !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "name too long") {
			return nil, fmt.Errorf("read frames: %w", err)
		}
		if from != nil {
			var err error
			if input, err = io.ReadAll(io.LimitReader(from, maxExplained)); err != nil {
				return nil, fmt.Errorf("read frames: %w", err)
			}
		}
	}
	frames, err := explain.Read(input)
	switch {
	case err != nil && len(args) == 1 && args[0] != "-" && len(input) == len(args[0]):
		return nil, fmt.Errorf("%s: there is no such file, and %w", args[0], err)
	case err != nil:
		return nil, err
	case len(frames) == 0:
		return nil, errors.New("there is no packet in the file")
	}
	return frames, nil
}

// sessionsToExplain returns the sessions of a file, or of the daemon.
func (e *env) sessionsToExplain(ctx context.Context, file string, frames []explain.Frame) (list []explain.Session, err error) {
	if file != "" {
		cfg, err := config.Load(file)
		return explain.OfFile(cfg), err
	}
	err = e.ask(ctx, func(ctx context.Context, client *control.Client) error {
		all, err := client.Sessions(ctx, control.Filter{})
		if err != nil {
			return err
		}
		named := namedBy(frames)
		for i := range all {
			s := explain.OfDaemon(&all[i])
			if all[i].FastPath.Heard == "active" && named[s.Discr] {
				s.Expected = expected(ctx, client, s.Discr)
			}
			list = append(list, s)
		}
		return nil
	})
	if errors.Is(err, control.ErrNoDaemon) {
		err = fmt.Errorf("%w; or give the sessions by -c FILE", err)
	}
	return list, err
}

// namedBy returns the discriminators that packets name as ours.
func namedBy(frames []explain.Frame) map[uint32]bool {
	named := make(map[uint32]bool)
	for _, f := range frames {
		var d packet.Datagram
		var c packet.Control
		if packet.ParseEthernet(f.Data, &d); c.Decode(d.Payload) == packet.DropNone {
			named[c.YourDiscr] = true
		}
	}
	return named
}

// expected returns the frame that the XDP program hears for a session, nil when
// the daemon does not tell.
func expected(ctx context.Context, client *control.Client, discr uint32) (frame []byte) {
	c, err := client.Capture(ctx, control.Target{X: fmt.Sprint(discr)})
	if err != nil {
		return nil
	}
	for _, f := range c.Frames {
		if f.Direction == "rx" && f.Discarded == "" {
			frame = f.Frame
		}
	}
	return frame
}

// macOf returns a function that finds the address of an interface here. One that
// has no address of a session is another's of the same name: the daemon runs in
// another network namespace, or the file is of another host.
func macOf(sessions []explain.Session) func(ifname string) (packet.MAC, bool) {
	return func(ifname string) (mac packet.MAC, ok bool) {
		i, err := net.InterfaceByName(ifname)
		if err != nil || len(i.HardwareAddr) != len(mac) {
			return mac, false
		}
		addrs, err := i.Addrs()
		if err != nil {
			return mac, false
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			here := func(s explain.Session) bool {
				return s.Interface == ifname && s.Local.WithZone("") == p.Addr().WithZone("")
			}
			if err == nil && slices.ContainsFunc(sessions, here) {
				return packet.MAC(i.HardwareAddr), true
			}
		}
		return mac, false
	}
}

func writeExplanations(w io.Writer, reports []explain.Report, why error) {
	if len(reports) == 1 {
		writeExplanation(w, &reports[0])
	} else {
		fmt.Fprintln(w, "FRAME\tINTERFACE\tXDP\tENGINE\tSESSION\tSTATE\tREASON")
		for i := range reports {
			r := &reports[i]
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, dash(r.Interface), r.XDP.Verdict, r.Engine.Verdict,
				sessionOf(r), transition(r, "-"), reasonOf(r))
		}
	}
	if why != nil {
		fmt.Fprintf(w, "\nXDP is judged by the same rules in Go: %v\n", why)
	}
}

func writeExplanation(w io.Writer, r *explain.Report) {
	row := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	row("Frame", r.Summary)
	row("Arrives", "on "+cmp.Or(r.Interface, "any interface"))
	by := map[string]string{"program": "the program itself", "rules": "its rules in Go"}[r.XDP.By]
	row("XDP", fmt.Sprintf("%s: %s%s; by %s", r.XDP.Verdict, r.XDP.Reason, cited(r.XDP.RFC), by))
	if r.Session != nil {
		row("Session", fmt.Sprintf("%s, %s", sessionOf(r), r.Session.State))
	} else {
		row("Session", "none")
	}
	row("Engine", r.Engine.Verdict+": "+r.Engine.Reason+cited(r.Engine.RFC))
	if r.Engine.To != "" {
		row("State", transition(r, ""))
	}
	for _, t := range r.Engine.Then {
		row("Then", t)
	}
	for _, u := range r.Engine.Unchecked {
		row("Not checked", u)
	}
}

func cited(rfc string) string {
	if rfc == "" {
		return ""
	}
	return " (" + rfc + ")"
}

func sessionOf(r *explain.Report) string {
	if r.Session == nil {
		return "-"
	}
	text := address(r.Session.Peer)
	if r.Session.Discr != 0 {
		text += fmt.Sprintf(" (%d)", r.Session.Discr)
	}
	return text
}

func transition(r *explain.Report, none string) string {
	if r.Engine.To == "" {
		return none
	}
	if r.Engine.From == r.Engine.To {
		return "stays " + r.Engine.To
	}
	return r.Engine.From + " to " + r.Engine.To
}

// reasonOf is the last word on a frame, in a line.
func reasonOf(r *explain.Report) string {
	switch r.XDP.Verdict {
	case "steered", "pass_no_socket", "ttl", "pass_foreign":
		return r.Engine.Reason + cited(r.Engine.RFC)
	}
	return r.XDP.Reason + cited(r.XDP.RFC)
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/top"
)

// leastRefresh is as often as a person can see, and the daemon should be asked.
const leastRefresh = 10 * time.Millisecond

func (e *env) topCommand() *cobra.Command {
	o := top.Options{Detail: inFull}
	refresh := uint32(time.Second / time.Microsecond)
	refreshFlag := &refresh
	var once bool
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch the sessions: rates, margins, near misses",
		Long: "Watch the sessions of a running daemon: their rates, how near each has come to failing, how often\n" +
			"it went down. The key ? shows what the others do. A restart of the daemon is waited out.\n" +
			"Each look asks for all sessions: with many thousands, a longer --refresh spares the daemon.\n\n" +
			"Where NO_COLOR is set there are no colours. --once prints all sessions, for a pipe.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			every := time.Duration(*refreshFlag) * time.Microsecond
			if every < leastRefresh {
				return usagef("--refresh: %v is not %v or more", every, leastRefresh)
			}
			c := client.New(e.control)
			defer c.Close()
			if once {
				return e.topOnce(cmd.Context(), c, o, every)
			}
			return runTop(cmd.Context(), c, o, every)
		},
	}
	intervalFlag(c.Flags(), &refreshFlag, "refresh", config.Milliseconds, "look this often; a bare number is milliseconds")
	choiceFlag(c, &o.Sort, "sort", "", "peer", top.Columns(), "sort by")
	c.Flags().StringVar(&o.Filter, "filter", "", "only sessions that have these `words` in their peer, local address, interface, state, profile, owner, transport or diagnostic")
	c.Flags().BoolVar(&once, "once", false, "look twice, print once, and end")
	return c
}

// topOnce prints what two looks tell.
func (e *env) topOnce(ctx context.Context, c *client.Client, o top.Options, every time.Duration) error {
	m := top.New(o)
	m.Resize(e.columns(), 0)
	for look := range 2 {
		if look > 0 {
			select {
			case <-time.After(every):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s := top.Look(ctx, c)
		if s.Err != nil {
			return s.Err
		}
		m.Take(s)
	}
	f := m.Once()
	text := f.String()
	if isTerminal(e.stdout) && os.Getenv("NO_COLOR") == "" {
		text = f.ANSI()
	}
	_, err := io.WriteString(e.stdout, text)
	return err
}

// columns is how wide the output is: as the terminal, or as COLUMNS says, or wide
// enough for the addresses there are.
func (e *env) columns() int {
	if f, ok := e.stdout.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		return width
	}
	return 120
}

// runTop has the terminal until the person leaves.
func runTop(ctx context.Context, c *client.Client, o top.Options, every time.Duration) error {
	screen, err := tcell.NewScreen()
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return fmt.Errorf("use the terminal: %w: xbfd top --once needs none", err)
	}
	defer screen.Fini()
	return top.Run(ctx, screen, c, top.New(o), every, os.Getenv("NO_COLOR") == "")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// inFull is a session as session show has it.
func inFull(s *client.Session) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	writeSession(w, s)
	_ = w.Flush() // a Builder takes all
	return b.String()
}

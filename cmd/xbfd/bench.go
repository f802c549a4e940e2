package main

import (
	"context"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/bench"
	"github.com/xbfd/xbfd/internal/config"
)

func (e *env) benchCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "bench COMMAND",
		Short: "Measure BFD engines: xbfd, FRR, BIRD, plain sockets",
		Long: "Run an engine in a network namespace of its own, on a core of its own, with a load peer at the\n" +
			"other end of a veth on another core, the same for every engine, and measure from outside. It\n" +
			"needs root and two cores, and leaves nothing behind. Give engines as in --dut xbfd,frr,bird,sockets.",
	}, e.benchScale(), e.benchDetect(), e.benchGaps(), e.benchStress(), e.benchFailover(), e.benchRings(), e.benchPart())
	return c
}

// measurement is a function of package bench.
type measurement func(ctx context.Context, o bench.Options, out, progress io.Writer) error

// benchFlags are options as the command line has them.
type benchFlags struct {
	bench.Options
	interval *uint32
	mult     *uint8
	hold     string
}

// measure makes the command of a measurement with the flags that all have.
func (e *env) measure(use, short, long, hold string, sessions int, run measurement) (*cobra.Command, *benchFlags) {
	us, mult := uint32(10_000), uint8(3)
	b := &benchFlags{Options: bench.Options{Trials: 1}, interval: &us, mult: &mult}
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if b.Hold, err = config.ParseDuration(b.hold, 24*time.Hour); err != nil {
				return usagef("--hold: %w", err)
			}
			b.Interval, b.Mult = time.Duration(*b.interval)*time.Microsecond, int(*b.mult)
			if err := b.Check(); err != nil {
				return usageError{err}
			}
			// Ctrl-C ends the measurement, which then cleans up.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return run(ctx, b.Options, e.stdout, e.stderr)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&b.DUTs, "dut", []string{"xbfd"}, "`engines` under test: xbfd, frr, bird, sockets")
	f.IntSliceVar(&b.Sessions, "sessions", []int{sessions}, "`number` of sessions; scale takes several")
	intervalFlag(f, &b.interval, "interval", config.Milliseconds, "how often each end sends; a bare number is milliseconds")
	byteFlag(f, &b.mult, "mult", 1, 255, "how many packets may be missed")
	f.StringVar(&b.hold, "hold", hold, "`duration` of the measurement once all sessions are up")
	choiceFlag(c, &b.Transmit, "transmit", "", "auto", bench.Transmits, "how xbfd sends; auto is live, since the load peer takes live frames")
	choiceFlag(c, &b.Scheduling, "scheduling", "", "", bench.Schedulings, "of the engine under test; sockets is fifo unless told, the others normal")
	choiceFlag(c, &b.Wait, "wait", "", "sleep", bench.Waits, "how xbfd waits")
	f.BoolVar(&b.JSON, "json", false, "print one JSON object a line for each result")
	f.StringVar(&b.Plot, "plot", "", "write pictures (SVG) into this `directory`")
	return c, b
}

func (e *env) benchScale() *cobra.Command {
	c, b := e.measure("scale", "What holding sessions costs, and how many can be held",
		"Bring sessions up, hold them, and report what that took: processor time with softirq, memory,\n"+
			"wake-ups, false Downs at either end. --search finds the most sessions that are held.",
		"20s", 1000, bench.Scale)
	c.Flags().BoolVar(&b.Search, "search", false, "find the most sessions without a false Down, from --sessions on")
	return c
}

func (e *env) benchDetect() *cobra.Command {
	c, b := e.measure("detect", "How late a silent cut is noticed",
		"Let the load peer fall silent. The overshoot is the arrival of the first packet with State Down,\n"+
			"less the load peer's own last packet, less the negotiated Detection Time.",
		"1s", 200, bench.Detect)
	c.Flags().IntVar(&b.Trials, "trials", 5, "`number` of cuts")
	c.Flags().BoolVar(&b.Single, "single", false, "cut one session at a time instead of all at once")
	return c
}

func (e *env) benchGaps() *cobra.Command {
	c, _ := e.measure("gaps", "How regularly an engine sends",
		"Listen to the sessions and report the gaps between packets against the jitter window.",
		"10s", 200, bench.Gaps)
	return c
}

func (e *env) benchStress() *cobra.Command {
	c, b := e.measure("stress", "How an engine does on a busy host",
		"Watch the sessions under loads on the engine's core: stress-ng from CPU hogs to kernel-heavy work,\n"+
			"SIGSTOP, reads of its management interface, a flood of packets it must not believe. Then cut all\n"+
			"sessions under the load. The load peer runs at real-time priority for every engine alike.",
		"10s", 100, bench.Stress)
	c.Flags().StringSliceVar(&b.Rungs, "rungs", nil, "only these `loads`; all unless told")
	c.Flags().BoolVar(&b.BothCores, "both-cores", false, "load the load peer's core, too")
	return c
}

func (e *env) benchFailover() *cobra.Command {
	c, b := e.measure("failover", "How soon routes leave an uplink whose router has fallen silent",
		"Let the load peer, which is the router of an uplink, fall silent, and see when the kernel's routes\n"+
			"lead to the spare uplink, when packets do, and when a BGP neighbour is told: every time counts from\n"+
			"the load peer's last packet. The engines are xbfd with routes of its own (xbfd-group: by a nexthop\n"+
			"group), FRR (frr: bgpd and bfdd, frr+xbfd: bfdd with xbfd as its data plane), BIRD (bird: its own\n"+
			"BFD, bird+xbfd: a hook of xbfd), and GoBGP and ExaBGP (gobgp+xbfd, exabgp+xbfd), which only tell\n"+
			"others. With frr in --dut all are compared with it.",
		"1s", 1, bench.Failover)
	f := c.Flags()
	f.Lookup("dut").Usage = "`engines` under test: " + strings.Join(bench.Routers, ", ")
	f.IntVar(&b.Trials, "trials", 5, "`number` of cuts")
	f.IntSliceVar(&b.Options.Routes, "routes", []int{1, 100, 1000}, "`number` of routes that depend on the first session; takes several")
	*b.interval = 50_000
	f.Lookup("interval").DefValue = f.Lookup("interval").Value.String()
	return c
}

func (e *env) benchRings() *cobra.Command {
	c, _ := e.measure("rings", "What sending a frame costs by own rings, asavie/xdp, sendmmsg and sendto",
		"Send frames to the far end of a veth, which drops them at once, for --hold in all.",
		"6s", 1, bench.Rings)
	return c
}

// benchPart runs a process that a measurement consists of.
func (e *env) benchPart() *cobra.Command {
	return &cobra.Command{
		Use: "part NAME OPTIONS", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return bench.Part(args[0], args[1], e.stdin, e.stdout) },
	}
}

package bench

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime"
	"time"
)

// ScaleResult is what holding a number of sessions took.
type ScaleResult struct {
	Engine
	HoldS          float64 `json:"hold_s"`
	Up             int     `json:"up"`
	TimeToUp       float64 `json:"time_to_up_ms"` // from the start of the engine; 0 if not all came up
	FalseDownsDUT  int     `json:"false_downs_dut"`
	FalseDownsPeer int     `json:"false_downs_peer"`
	DeclaredDUT    int     `json:"declared_dut"` // of those, what each end declared by itself
	DeclaredPeer   int     `json:"declared_peer"`
	TxPPS          float64 `json:"tx_pps"` // of the engine under test
	RxPPS          float64 `json:"rx_pps"`
	Cores          float64 `json:"cpu_cores"`     // all three that follow
	ThreadCores    float64 `json:"thread_cores"`  // its threads alone
	SoftirqCores   float64 `json:"softirq_cores"` // beside them on its core
	RxCores        float64 `json:"rx_cores"`      // its reception, inside the load peer's sends
	PerTx          float64 `json:"cpu_us_per_tx"`
	PerSession     float64 `json:"cpu_us_per_session_s"`
	RSS            uint64  `json:"rss_bytes"`
	Maps           uint64  `json:"map_bytes"`
	BytesPer       float64 `json:"bytes_per_session"` // 0 with 100 sessions or fewer
	Wakeups        float64 `json:"rx_wakeups_per_packet"`
	GC             uint64  `json:"gc_cycles"`
	Allocs         uint64  `json:"allocations"` // of the Go heap, the two looks at it included; 0 for an engine that has none
	MaxGap         float64 `json:"max_tx_gap_us"`
	Noise
}

// Engine says what was measured, and how it ran.
type Engine struct {
	DUT        string `json:"dut"`
	Version    string `json:"version"`
	Sessions   int    `json:"sessions"`
	Interval   int64  `json:"interval_us"`
	Mult       int    `json:"mult"`
	Scheduling string `json:"scheduling"`
	Wait       string `json:"wait"`
	Transport  string `json:"transport"`
	Transmit   string `json:"transmit"`
	Heard      string `json:"heard"`
	Insurance  string `json:"insurance"`
	PeerFIFO   int    `json:"peer_priority"` // of the load peer, real-time
}

// Noise is what may have spoilt a result.
type Noise struct {
	PeerStall   float64 `json:"peer_max_stall_us"` // how late the load peer itself was
	PeerGone    int     `json:"peer_stalls"`       // how often it was so late that sessions may have failed for it: the machine stood still
	PeerCores   float64 `json:"peer_cores"`        // what it took itself: near 1 it is the limit
	PeerLost    uint64  `json:"peer_lost"`         // packets for which it had no room
	OtherCores  float64 `json:"other_cores"`       // used by the rest of the host
	StolenCores float64 `json:"stolen_cores"`      // by the hypervisor
	Kernel      string  `json:"kernel"`
	CPUs        int     `json:"cpus"`
}

func (r *rig) engine() Engine {
	e := Engine{
		DUT: r.name, Version: r.facts.Version, Sessions: r.n, Interval: r.o.Interval.Microseconds(), Mult: r.o.Mult,
		Scheduling: "normal", Wait: cmp.Or(r.o.Wait, "sleep"), PeerFIFO: peerPriority, Transport: r.facts.Transport, Transmit: r.facts.Transmit, Heard: r.facts.Heard, Insurance: r.facts.Insurance,
	}
	if r.o.fifo(r.name) {
		e.Scheduling = "fifo"
	}
	return e
}

func noise(seen reply, c cost) Noise {
	return Noise{
		PeerStall: us(seen.MaxStall), PeerGone: seen.Gone, PeerCores: c.peer, PeerLost: seen.Lost, OtherCores: c.others, StolenCores: c.stolen,
		Kernel: kernelRelease(), CPUs: runtime.NumCPU(),
	}
}

// Scale holds sessions with every engine and number of o, and writes what that
// took to out.
func Scale(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.Search {
		return search(ctx, o, out, progress)
	}
	say := newPrinter(out, progress, o.JSON)
	var all []ScaleResult
	scaleHeader(say)
	for _, name := range o.DUTs {
		base := &memoryBase{}
		for _, n := range o.Sessions {
			res, err := scaleOne(ctx, o, name, n, base, say)
			if err = skip(say, name, err); err != nil {
				return err
			}
			if res == nil {
				continue
			}
			all = append(all, *res)
			if err := reportScale(say, res); err != nil {
				return err
			}
		}
	}
	return plotScale(o.Plot, all)
}

// Skipped stands for the result of what this machine lacks.
type Skipped struct {
	DUT     string `json:"dut,omitempty"`
	Skipped string `json:"skipped"`
}

// skip says what is missing, and takes it for no error.
func skip(say *printer, name string, err error) error {
	var missing *Missing
	if !errors.As(err, &missing) {
		return err
	}
	say.line("%-8s skipped: %v", name, missing)
	return say.object(Skipped{name, missing.Error()})
}

// costFor is how long the cost is measured, at the end of the hold.
func costFor(hold time.Duration) time.Duration { return min(hold/2, 10*time.Second) }

func scaleOne(ctx context.Context, o Options, name string, n int, base *memoryBase, say *printer) (_ *ScaleResult, err error) {
	if err := base.measure(ctx, o, name, n, say); err != nil {
		return nil, err
	}
	r, err := bringUp(ctx, o, name, n, say)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(explain(ctx, err), r.close()) }()
	res := &ScaleResult{Engine: r.engine(), Up: r.up, TimeToUp: ms(r.timeToUp)}
	if r.up < n {
		return res, nil
	}
	return res, r.hold(ctx, res, base)
}

// hold lets the sessions run and fills in what that took.
func (r *rig) hold(ctx context.Context, res *ScaleResult, base *memoryBase) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	if r.n > baseSessions {
		bytes, err := r.memoryAtRest(ctx)
		if err != nil {
			return err
		}
		res.BytesPer = base.per(bytes, r.n)
	}
	downsBefore, err := r.dut.downs()
	if err != nil {
		return err
	}
	heapBefore, err := r.goRuntime()
	if err != nil {
		return err
	}
	start := time.Now()
	window := costFor(r.o.Hold)
	if err := r.watchFor(ctx, r.o.Hold-window, "holding"); err != nil {
		return err
	}
	c, err := r.measureCost(ctx, window)
	if err != nil {
		return err
	}
	seen, err := r.peer.look()
	if err != nil {
		return err
	}
	res.HoldS = time.Since(start).Seconds()
	if res.RSS, res.Maps, err = memoryOf(r.dut.process().pid); err != nil {
		return err
	}
	heap, err := r.goRuntime()
	if err != nil {
		return err
	}
	res.GC, res.Allocs = heap.cycles-heapBefore.cycles, heap.allocs-heapBefore.allocs
	downs, err := r.dut.downs()
	if err != nil {
		return err
	}
	r.facts = r.dut.facts() // live frames are tried after a second
	res.Engine = r.engine()
	res.FalseDownsDUT, res.FalseDownsPeer = max(downs-downsBefore, int(seen.DownsDUT)), int(seen.DownsPeer)
	res.DeclaredDUT, res.DeclaredPeer = int(seen.OwnDUT), int(seen.OwnPeer)
	res.cost(&c)
	res.MaxGap, res.Noise = us(seen.MaxGap), noise(seen, c)
	return nil
}

// goRuntime is what the collector and the heap of an engine have done so far.
type goRuntime struct{ cycles, allocs uint64 }

// goRuntime is zero for an engine that is not written in Go.
func (r *rig) goRuntime() (goRuntime, error) {
	if d, ok := r.dut.(interface{ runtime() (goRuntime, error) }); ok {
		return d.runtime()
	}
	return goRuntime{}, nil
}

func (res *ScaleResult) cost(c *cost) {
	seconds := c.wall.Seconds()
	res.TxPPS, res.RxPPS = float64(c.sent)/seconds, float64(c.received)/seconds
	res.Cores, res.ThreadCores, res.SoftirqCores, res.RxCores = c.cores(), c.threads, c.softirq, c.reception
	if c.sent > 0 {
		res.PerTx = c.cores() * seconds * 1e6 / float64(c.sent)
	}
	if c.received > 0 {
		res.Wakeups = float64(c.waits) / float64(c.received)
	}
	res.PerSession = c.cores() * 1e6 / float64(res.Sessions)
}

// memoryBase is an engine's memory with few sessions.
type memoryBase struct{ bytes uint64 }

const baseSessions = 100

// measure finds it out, once, if it is needed for n sessions.
func (b *memoryBase) measure(ctx context.Context, o Options, name string, n int, say *printer) (err error) {
	if b.bytes != 0 || n <= baseSessions {
		return nil
	}
	r, err := bringUp(ctx, o, name, baseSessions, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(explain(ctx, err), r.close()) }()
	if err := r.settle(ctx); err != nil {
		return err
	}
	b.bytes, err = r.memoryAtRest(ctx)
	return err
}

// restFor is how long an engine is left alone before its memory is looked at: what
// coming up has taken may go back to the system a little later.
const restFor = 6 * time.Second

func (r *rig) memoryAtRest(ctx context.Context) (bytes uint64, err error) {
	if err := r.watchFor(ctx, restFor, "at rest"); err != nil {
		return 0, err
	}
	rss, maps, err := memoryOf(r.dut.process().pid)
	return rss + maps, err
}

func (b *memoryBase) per(bytes uint64, n int) float64 {
	if n <= baseSessions {
		return 0
	}
	return (float64(bytes) - float64(b.bytes)) / float64(n-baseSessions)
}

func scaleHeader(say *printer) {
	say.line("%-8s %8s %9s %8s %9s %13s %8s %7s %8s %8s %7s %3s %8s %8s %8s %6s",
		"engine", "sessions", "interval", "up ms", "tx/s", "Downs DUT/far", "cores", "us/tx", "RSS kB", "B/sess.", "wakes", "GC", "max gap", "far late", "far use", "noise")
}

func reportScale(say *printer, r *ScaleResult) error {
	if r.Up < r.Sessions {
		say.line("%-8s %8d %9v only %d came up", r.DUT, r.Sessions, micros(r.Interval), r.Up)
		return say.object(r)
	}
	say.line("%-8s %8d %9v %8.0f %9.0f %6d/%-6d %8.3f %7.2f %8d %8.0f %7.3f %3d %8s %8s %8.2f %6.2f",
		r.DUT, r.Sessions, micros(r.Interval), r.TimeToUp, r.TxPPS, r.FalseDownsDUT, r.FalseDownsPeer, r.Cores, r.PerTx,
		r.RSS>>10, r.BytesPer, r.Wakeups, r.GC, short(r.MaxGap), short(r.PeerStall), r.PeerCores, r.OtherCores)
	if r.PeerGone > 0 {
		say.line("%-8s the machine stood still: %d times the load peer, at real-time priority %d, was so late that sessions may have failed for it",
			"", r.PeerGone, peerPriority)
	}
	return say.object(r)
}

package bench

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// DetectResult is how late a silent cut was noticed.
type DetectResult struct {
	Engine
	Failure       string       `json:"failure"` // mass: all sessions at once; single: one
	Trials        int          `json:"trials"`
	DetectionTime int64        `json:"detection_time_us"`
	Detected      int          `json:"detected"`
	Missed        int          `json:"missed"`
	Early         int          `json:"early"` // before the Detection Time was over
	Overshoot     Distribution `json:"overshoot_us"`
	FirstToLast   float64      `json:"first_to_last_us"` // from the first Down to the last, the worst cut
	Deadlines     float64      `json:"deadlines_us"`     // from the first deadline to the last, of that cut
	ThreadCores   float64      `json:"thread_cores"`     // of the engine while all is well
	Noise
}

// Detect cuts sessions off in silence with every engine of o, and writes how
// late they noticed to out.
func Detect(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	say := newPrinter(out, progress, o.JSON)
	say.line("%-8s %8s %9s %7s %9s %7s  %s", "engine", "sessions", "interval", "cores", "detected", "missed", "overshoot")
	picture := newChart("Overshoot of the detection time", "overshoot (us)", "share of Downs (%)")
	for _, name := range o.DUTs {
		res, h, err := detectOne(ctx, o, name, say)
		if err = skip(say, name, err); err != nil {
			return err
		}
		if res == nil {
			continue
		}
		say.line("%-8s %8d %9v %7.2f %9d %7d  %v", res.DUT, res.Sessions, micros(res.Interval), res.ThreadCores, res.Detected, res.Missed, res.Overshoot)
		if res.Failure == "mass" {
			say.line("%-8s first to last Down %s; first to last deadline %s", "", short(res.FirstToLast), short(res.Deadlines))
		}
		if err := say.object(res); err != nil {
			return err
		}
		picture.add(name, quantiles(h))
	}
	return picture.save(o.Plot, "overshoot.svg")
}

func detectOne(ctx context.Context, o Options, name string, say *printer) (_ *DetectResult, _ *hdrhistogram.Histogram, err error) {
	r, err := bringUp(ctx, o, name, o.Sessions[0], say)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(explain(ctx, err), r.close()) }()
	res := &DetectResult{Engine: r.engine(), Failure: "mass", Trials: o.Trials}
	if o.Single {
		res.Failure = "single"
	}
	h := newHistogram()
	if r.up < r.n {
		res.Missed = r.n
		return res, h, nil
	}
	if err := r.settle(ctx); err != nil {
		return nil, nil, err
	}
	c, err := r.threadCost(ctx, o.Hold)
	if err != nil {
		return nil, nil, err
	}
	res.ThreadCores = c.threads
	for trial := range o.Trials {
		say.progress("%s: cut %d of %d", name, trial+1, o.Trials)
		if err := r.trial(ctx, trial, res, h); err != nil {
			return nil, nil, err
		}
	}
	seen, err := r.peer.look()
	if err != nil {
		return nil, nil, err
	}
	res.Overshoot, res.Noise = distributionOf(h), noise(seen, c)
	return res, h, nil
}

// threadCost is measureCost without the idle counters, which would keep the
// cores awake.
func (r *rig) threadCost(ctx context.Context, d time.Duration) (c cost, err error) {
	before, err := r.moment()
	if err != nil {
		return c, err
	}
	if err := r.pause(ctx, d); err != nil {
		return c, err
	}
	after, err := r.moment()
	if err != nil {
		return c, err
	}
	return costOf(before, after, [2]soaked{}, r.price), nil
}

// trial makes one cut and lets the sessions come up again.
func (r *rig) trial(ctx context.Context, trial int, res *DetectResult, h *hdrhistogram.Histogram) error {
	from, to := 0, r.n
	if r.o.Single {
		from = trial % r.n
		to = from + 1
	}
	// At no particular phase of the sessions.
	if err := r.pause(ctx, time.Duration(rand.Int64N(int64(2*r.o.Interval)))); err != nil {
		return err
	}
	list, err := r.cut(ctx, from, to)
	if err != nil {
		return err
	}
	res.add(list, h)
	ok, err := r.allUp(ctx, upPatience/2)
	if err != nil || !ok {
		return errors.Join(err, ctx.Err(), failedIf(!ok, "the sessions did not come up again after a cut"))
	}
	return r.pause(ctx, 500*time.Millisecond+4*r.o.Interval)
}

func failedIf(failed bool, what string) error {
	if failed {
		return errors.New(what)
	}
	return nil
}

// cut silences sessions until the engine has noticed in all of them, or should
// long have, and speaks again.
func (r *rig) cut(ctx context.Context, from, to int) ([]detection, error) {
	done, err := r.peer.ask(request{Op: opCut, From: from, To: to})
	if err != nil {
		return nil, err
	}
	limit := time.Now().Add(4*time.Duration(r.o.Mult)*r.o.Interval + 3*time.Second)
	for time.Now().Before(limit) {
		if err := r.pause(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
		seen, err := r.peer.look()
		if err != nil {
			return nil, err
		}
		if seen.Detected == done.Cut {
			break
		}
	}
	answer, err := r.peer.ask(request{Op: opDetected})
	if err != nil {
		return nil, err
	}
	_, err = r.peer.ask(request{Op: opSpeak})
	return answer.Detections, err
}

// add counts what became of one cut.
func (res *DetectResult) add(list []detection, h *hdrhistogram.Histogram) {
	spread := func(of func(detection) int64) float64 {
		first, last := int64(0), int64(0)
		for _, d := range list {
			if d.DownAt == 0 {
				continue
			}
			at := of(d)
			if first == 0 || at < first {
				first = at
			}
			last = max(last, at)
		}
		return us(last - first)
	}
	for _, d := range list {
		if d.DownAt == 0 {
			res.Missed++
			continue
		}
		res.Detected++
		res.DetectionTime = d.Negotiated / 1000
		over := d.DownAt - d.LastTx - d.Negotiated
		if over < 0 {
			res.Early++
		}
		record(h, over)
	}
	if events := spread(func(d detection) int64 { return d.DownAt }); events > res.FirstToLast {
		res.FirstToLast = events
		res.Deadlines = spread(func(d detection) int64 { return d.LastTx + d.Negotiated })
	}
}

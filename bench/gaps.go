package bench

import (
	"context"
	"errors"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// GapsResult is how regularly an engine sends. Only gaps between packets of its
// periodic timer are in the distribution and in the shares: Polls and Finals come
// when they must.
type GapsResult struct {
	Engine
	Gaps           Distribution `json:"gaps_us"`
	Inside         float64      `json:"share_inside"` // 75 to 100 % of the interval (RFC 5880 §6.8.7)
	Below          uint64       `json:"below_window"`
	AboveInterval  uint64       `json:"above_interval"`
	AboveDetection uint64       `json:"above_detection"` // silences, ended by any packet
	MaxGap         float64      `json:"max_tx_gap_us"`
	Noise
}

// Gaps listens to every engine of o and writes how regularly it sends to out.
func Gaps(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	o.everyPacket = true
	say := newPrinter(out, progress, o.JSON)
	say.line("%-8s %8s %9s %8s %10s %10s  %s", "engine", "sessions", "interval", "inside", "above", "too long", "gaps")
	picture := newChart("Gaps between packets of a session", "gap (us)", "share of gaps (%)")
	for _, name := range o.DUTs {
		res, h, err := gapsOne(ctx, o, name, say)
		if err = skip(say, name, err); err != nil {
			return err
		}
		if res == nil {
			continue
		}
		say.line("%-8s %8d %9v %7.2f%% %10d %10d  %v", res.DUT, res.Sessions, micros(res.Interval), 100*res.Inside,
			res.AboveInterval, res.AboveDetection, res.Gaps)
		if err := say.object(res); err != nil {
			return err
		}
		picture.add(name, quantiles(h))
	}
	return picture.save(o.Plot, "gaps.svg")
}

func gapsOne(ctx context.Context, o Options, name string, say *printer) (_ *GapsResult, _ *hdrhistogram.Histogram, err error) {
	r, err := bringUp(ctx, o, name, o.Sessions[0], say)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(explain(ctx, err), r.close()) }()
	res := &GapsResult{Engine: r.engine()}
	if r.up < r.n {
		return nil, nil, failedIf(true, "not all sessions came up: there is no point in listening")
	}
	if err := r.settle(ctx); err != nil {
		return nil, nil, err
	}
	before, err := r.moment()
	if err != nil {
		return nil, nil, err
	}
	if err := r.watchFor(ctx, o.Hold, "listening"); err != nil {
		return nil, nil, err
	}
	after, err := r.moment()
	if err != nil {
		return nil, nil, err
	}
	answer, err := r.peer.ask(request{Op: opGaps})
	if err != nil {
		return nil, nil, err
	}
	h := hdrhistogram.Import(answer.Histogram)
	g := answer.Gaps
	res.Gaps, res.Below, res.AboveInterval, res.AboveDetection = distributionOf(h), g.Below, g.AboveInterval, g.AboveDetection
	if g.Count > 0 {
		res.Inside = float64(g.Inside) / float64(g.Count)
	}
	res.MaxGap, res.Noise = us(answer.MaxGap), noise(answer, costOf(before, after, [2]soaked{}, r.price))
	return res, h, nil
}

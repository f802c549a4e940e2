package bench

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// StressResult is how an engine did under each load.
type StressResult struct {
	Engine
	HoldS  float64      `json:"hold_s"` // for each rung
	LoadOn string       `json:"load_on"`
	Rungs  []RungResult `json:"rungs"`
	Kernel string       `json:"kernel"`
}

// RungResult is how it did under one of them.
type RungResult struct {
	Rung           string       `json:"rung"`
	Load           string       `json:"load"`
	Note           string       `json:"note,omitempty"`
	Skipped        string       `json:"skipped,omitempty"`
	FalseDownsDUT  int          `json:"false_downs_dut"`
	FalseDownsPeer int          `json:"false_downs_peer"`
	DeclaredDUT    int          `json:"declared_dut"` // of those, what each end declared by itself
	DeclaredPeer   int          `json:"declared_peer"`
	MaxGap         float64      `json:"max_tx_gap_us"`
	PeerStall      float64      `json:"peer_max_stall_us"`
	Missed         int          `json:"missed"` // sessions that did not notice a cut
	Overshoot      Distribution `json:"overshoot_us"`
}

// Stress watches every engine of o under the loads of the ladder, and writes how
// they did to out.
func Stress(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	say := newPrinter(out, progress, o.JSON)
	say.line("%-8s %-11s %13s %13s %10s  %s", "engine", "load", "Downs DUT/far", "declared", "max gap", "overshoot of a cut under load")
	for _, name := range o.DUTs {
		res, err := stressOne(ctx, o, name, say)
		if err = skip(say, name, err); err != nil {
			return err
		}
		if res == nil {
			continue
		}
		if err := say.object(res); err != nil {
			return err
		}
	}
	return nil
}

func stressOne(ctx context.Context, o Options, name string, say *printer) (_ *StressResult, err error) {
	var r *rig
	defer func() {
		if r != nil {
			err = errors.Join(explain(ctx, err), r.close())
		}
	}()
	res := &StressResult{HoldS: o.Hold.Seconds(), LoadOn: "the engine's core", Kernel: kernelRelease()}
	if o.BothCores {
		res.LoadOn = "both cores"
	}
	for _, load := range rungs {
		if o.Rungs != nil && !slices.Contains(o.Rungs, load.name) {
			continue
		}
		// What one load has spoilt must not be counted against the next.
		if r != nil && !r.recovered(ctx) {
			err := r.close()
			if r = nil; err != nil {
				return nil, err
			}
		}
		if r == nil {
			if r, err = bringUp(ctx, o, name, o.Sessions[0], say); err != nil {
				r = nil
				return nil, err
			}
			res.Engine = r.engine()
		}
		rr, err := r.stress(ctx, load)
		if err != nil {
			return nil, err
		}
		reportRung(say, name, rr)
		res.Rungs = append(res.Rungs, *rr)
	}
	return res, nil
}

// recovered says whether all sessions are up again.
func (r *rig) recovered(ctx context.Context) bool {
	ok, err := r.allUp(ctx, patience)
	return ok && err == nil
}

// stress watches the engine under one load.
func (r *rig) stress(ctx context.Context, load rung) (*RungResult, error) {
	res := &RungResult{Rung: load.name, Load: load.what}
	if r.up < r.n {
		res.Skipped = "not all sessions came up"
		return res, nil
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	before, err := r.dut.downs()
	if err != nil {
		return nil, err
	}
	end, err := load.start(ctx, r, r.o.Hold)
	var missing *Missing
	if errors.As(err, &missing) {
		res.Skipped = missing.Error()
		return res, nil
	}
	if err != nil {
		return nil, err
	}
	err = r.underLoad(ctx, load, res)
	note, endErr := end()
	if res.Note = note; err != nil || endErr != nil {
		return nil, errors.Join(err, endErr)
	}
	if err := r.pause(ctx, 200*time.Millisecond); err != nil {
		return nil, err
	}
	after, err := r.dut.downs()
	if err != nil {
		return nil, err
	}
	// The cut's own Downs are in what the engine tells by now.
	res.FalseDownsDUT = max(res.FalseDownsDUT, after-before-r.cutDowns)
	return res, nil
}

// underLoad watches, then cuts.
func (r *rig) underLoad(ctx context.Context, load rung, res *RungResult) error {
	r.cutDowns = 0
	if err := load.watch(ctx, r); err != nil {
		return err
	}
	seen, err := r.peer.look()
	if err != nil {
		return err
	}
	res.FalseDownsDUT, res.FalseDownsPeer = int(seen.DownsDUT), int(seen.DownsPeer)
	res.DeclaredDUT, res.DeclaredPeer = int(seen.OwnDUT), int(seen.OwnPeer)
	res.MaxGap, res.PeerStall = us(seen.MaxGap), us(seen.MaxStall)
	if !load.cuts || seen.Up < r.n {
		return nil
	}
	list, err := r.cut(ctx, 0, r.n)
	if err != nil {
		return err
	}
	var d DetectResult
	h := newHistogram()
	d.add(list, h)
	res.Missed, res.Overshoot, r.cutDowns = d.Missed, distributionOf(h), d.Detected
	return nil
}

func reportRung(say *printer, name string, r *RungResult) {
	if r.Skipped != "" {
		say.line("%-8s %-11s skipped: %s", name, r.Rung, r.Skipped)
		return
	}
	cut := ""
	if r.Overshoot.Count > 0 {
		cut = r.Overshoot.String()
	}
	say.line("%-8s %-11s %6d/%-6d %6d/%-6d %10s  %s", name, r.Rung, r.FalseDownsDUT, r.FalseDownsPeer,
		r.DeclaredDUT, r.DeclaredPeer, short(r.MaxGap), cut)
	if r.Note != "" {
		say.line("%-8s %-11s %s", "", "", r.Note)
	}
}

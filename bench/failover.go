package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// FailoverResult is how long a host takes to leave an uplink whose router has fallen
// silent. Every time counts from the router's last packet, as Detect has it, so that
// the Detection Time is in it.
type FailoverResult struct {
	Engine
	Routes     int            `json:"routes"`
	Trials     int            `json:"trials"`
	Early      int            `json:"early"`      // trials before which the session had failed by itself: nothing to measure
	Incomplete int            `json:"incomplete"` // trials in which a session or a route did not follow in time
	Down       Distribution   `json:"down_us"`    // the first packet that says Down
	First      Distribution   `json:"fib_first_us"`
	Last       Distribution   `json:"fib_last_us"`
	Onward     Distribution   `json:"bgp_last_us"` // a BGP neighbour behind it knows of the last route
	Outage     Distribution   `json:"outage_us"`   // of packets that the host forwards
	All        []FailoverCut  `json:"cuts"`
	Ratio      *FailoverRatio `json:"ratio_to_frr,omitempty"` // where FRR is in the same run
	Noise
}

// FailoverCut is one trial. Of what did not happen, or is not there, the count and the
// times are 0.
type FailoverCut struct {
	DetectionTime int64   `json:"detection_time_us"`
	Down          float64 `json:"down_us"`
	FIB           Moves   `json:"fib"`
	Onward        Moves   `json:"bgp"`
	Outage        float64 `json:"outage_us"`
	Lost          int     `json:"lost"` // packets, of one each millisecond
}

// Moves are routes that left the uplink.
type Moves struct {
	Count int     `json:"count"`
	First float64 `json:"first_us"`
	Last  float64 `json:"last_us"`
}

// Failover has the router at the far end of an uplink fall silent, with every engine
// and number of routes of o, and writes how soon the routes lead elsewhere to out.
func Failover(ctx context.Context, o Options, out, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	say := newPrinter(out, progress, o.JSON)
	say.line("from the peer's last packet, p50 / max of %d cuts:", o.Trials)
	say.line(failoverLine, "engine", "routes", "Down", "first route", "last route", "outage", "told onward")
	var all []*FailoverResult
	for _, o.routes = range o.Routes {
		var same []*FailoverResult
		for _, name := range o.DUTs {
			res, err := failoverOne(ctx, o, name, say)
			if err = skip(say, name, err); err != nil {
				return err
			}
			if res != nil {
				same = append(same, res)
				res.line(say)
			}
		}
		compare(same, say)
		for _, res := range same {
			if err := say.object(res); err != nil {
				return err
			}
		}
		all = append(all, same...)
	}
	return plotFailover(o.Plot, all)
}

func failoverOne(ctx context.Context, o Options, name string, say *printer) (_ *FailoverResult, err error) {
	r, err := bringUp(ctx, o, name, o.Sessions[0], say)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(explain(ctx, err), r.close()) }()
	if r.up < r.n {
		return nil, fmt.Errorf("%s: %d of %d sessions came up: there is no point in a cut; it said: %s", name, r.up, r.n, r.dut.said())
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	if err := r.whole(ctx); err != nil {
		return nil, err
	}
	res := &FailoverResult{Engine: r.engine(), Routes: o.routes, Trials: o.Trials}
	before, err := r.moment()
	if err != nil {
		return nil, err
	}
	for trial := range o.Trials {
		say.progress("%s, %d routes: cut %d of %d", name, o.routes, trial+1, o.Trials)
		cut, err := r.failover(ctx, trial < o.Trials-1)
		if err != nil {
			return nil, err
		}
		res.All = append(res.All, cut)
	}
	after, err := r.moment()
	if err != nil {
		return nil, err
	}
	seen, err := r.peer.look()
	if err != nil {
		return nil, err
	}
	res.sum(r.keeps())
	res.Noise = noise(seen, costOf(before, after, [2]soaked{}, r.price))
	return res, nil
}

func (r *rig) keeps() (kernel, onward bool) { return r.dut.(router).keeps() }

// whole waits until everything leads to the uplink and is known onward.
func (r *rig) whole(ctx context.Context) error {
	up := r.lab.uplinks
	kernel, onward := r.keeps()
	for end := time.Now().Add(upPatience); ; {
		learns := kernel && onward // the other way, by BGP
		if (!learns || up.spare.established()) && (!kernel || up.fib.whole()) && (!onward || up.collector.whole()) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: its routes do not lead to the uplink: %s", r.name, r.dut.said())
		}
		if err := r.pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// failover makes one cut, and with again lets everything come back.
func (r *rig) failover(ctx context.Context, again bool) (cut FailoverCut, err error) {
	up := r.lab.uplinks
	up.fib.arm()
	up.collector.arm()
	up.probe.arm()
	// At no particular phase of the sessions; and the last packet may be older than the
	// cut by an interval.
	if err := r.pause(ctx, r.o.Interval+5*probeEvery+time.Duration(rand.Int64N(int64(2*r.o.Interval)))); err != nil {
		return cut, err
	}
	up.router.mute(true)
	defer up.router.mute(false)
	if _, err := r.peer.ask(request{Op: opCut, To: r.n}); err != nil {
		return cut, err
	}
	if err := r.wayLost(ctx); err != nil {
		return cut, err
	}
	answer, err := r.peer.ask(request{Op: opDetected})
	if err != nil {
		return cut, err
	}
	if len(answer.Detections) > 0 {
		kernel, _ := r.keeps()
		cut = up.judge(answer.Detections[0], kernel)
	}
	if !again {
		return cut, nil
	}
	up.router.mute(false)
	return cut, r.comeBack(ctx)
}

// comeBack ends a silence and waits until all is as it was before.
func (r *rig) comeBack(ctx context.Context) error {
	if _, err := r.peer.ask(request{Op: opSpeak}); err != nil {
		return err
	}
	ok, err := r.allUp(ctx, upPatience/2)
	if err != nil || !ok {
		return errors.Join(err, ctx.Err(), failedIf(!ok, "the sessions did not come up again after a cut"))
	}
	if err := r.pause(ctx, 300*time.Millisecond+4*r.o.Interval); err != nil {
		return err
	}
	return r.whole(ctx)
}

// wayLost waits until all that is to be seen of a cut was seen, or should long have
// been.
func (r *rig) wayLost(ctx context.Context) error {
	up := r.lab.uplinks
	kernel, onward := r.keeps()
	for end := time.Now().Add(4*time.Duration(r.o.Mult)*r.o.Interval + 3*time.Second); time.Now().Before(end); {
		if err := r.pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		moved := func(w *exits) bool { return w.look().count == up.routes }
		if kernel && !moved(up.fib.exits) || onward && !moved(up.collector.exits) {
			continue
		}
		seen, err := r.peer.look()
		if err != nil {
			return err
		}
		if seen.Detected == r.n {
			break
		}
	}
	return r.pause(ctx, 5*probeEvery)
}

// judge puts together what was seen of a cut that d is the first session's word of.
// Packets follow the kernel's routes, if these are there.
func (u *uplinks) judge(d detection, kernel bool) FailoverCut {
	since := func(at int64) float64 {
		if at == 0 {
			return 0
		}
		return us(at - d.LastTx)
	}
	of := func(w *exits) Moves {
		m := w.look()
		return Moves{m.count, since(m.first), since(m.last)}
	}
	cut := FailoverCut{DetectionTime: d.Negotiated / 1000, Down: since(d.DownAt), FIB: of(u.fib.exits), Onward: of(u.collector.exits)}
	if kernel {
		outage, lost := u.probe.outage(d.LastTx)
		cut.Outage, cut.Lost = us(outage), lost
	}
	return cut
}

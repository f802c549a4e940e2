package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// result is what `demo --json` prints.
type result struct {
	Sessions      int     `json:"sessions"`
	Up            int     `json:"up"`
	TimeToUp      float64 `json:"time_to_up_ms"`
	FalseDowns    int     `json:"false_downs"`
	DetectionTime int64   `json:"detection_time_us"`
	Detected      int     `json:"detected"`
	// Overshoot over both ends of every session: from the kernel's stamp of the
	// last packet that arrived, plus the detection time, to the Down.
	Overshoot spread `json:"overshoot_us"`
	Told      spread `json:"told_us"`         // likewise, to when a client of the engine knew
	Floor     spread `json:"wakeup_floor_us"` // how late this machine wakes a thread
	Transport string `json:"transport"`

	stalled time.Duration // for how long an end stood still before false Downs
}

// spread of a distribution, in microseconds.
type spread struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %d µs, p99 %d µs, max %d µs", s.P50, s.P99, s.Max)
}

func spreadOf(d []time.Duration) spread {
	if len(d) == 0 {
		return spread{}
	}
	slices.Sort(d)
	at := func(p int) int64 { return d[(len(d)-1)*p/100].Microseconds() }
	return spread{P50: at(50), P99: at(99), Max: d[len(d)-1].Microseconds()}
}

// detected enters what was measured at both ends.
func (r *result) detected(d detections, floor []time.Duration) {
	r.Detected = d.sessions
	r.Overshoot, r.Told = spreadOf(d.declared), spreadOf(d.told)
	r.Floor = spreadOf(floor)
}

func (r *result) writeJSON(out io.Writer) error {
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// promises returns what the demo promised and did not see.
func (r *result) promises() error {
	if r.Up < r.Sessions {
		return fmt.Errorf("only %d of %d sessions came up", r.Up, r.Sessions)
	}
	var errs []error
	if r.FalseDowns > 0 {
		err := fmt.Errorf("%d times a session went down while the path was fine", r.FalseDowns)
		if r.stalled > 0 {
			err = fmt.Errorf("%w; this machine stood still for up to %v meanwhile", err, r.stalled.Round(time.Microsecond))
		}
		errs = append(errs, err)
	}
	if r.Detected < r.Sessions {
		errs = append(errs, fmt.Errorf("only %d of %d sessions noticed the cut at both ends", r.Detected, r.Sessions))
	}
	return errors.Join(errs...)
}

package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	Told      spread `json:"told_us"`         // likewise, to the moment a client of the engine knew
	Floor     spread `json:"wakeup_floor_us"` // how late this machine wakes a thread
	Transport string `json:"transport"`
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

// detections are what both ends measured.
type detections struct {
	sessions       int // noticed at both ends
	declared, told []time.Duration
}

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
	var errs []error
	if r.Up < r.Sessions {
		errs = append(errs, fmt.Errorf("only %d of %d sessions came up", r.Up, r.Sessions))
	} else {
		if r.FalseDowns > 0 {
			errs = append(errs, fmt.Errorf("%d sessions went down while the path was fine", r.FalseDowns))
		}
		if r.Detected < r.Sessions {
			errs = append(errs, fmt.Errorf("only %d of %d sessions noticed the cut", r.Detected, r.Sessions))
		}
	}
	return errors.Join(errs...)
}

// printer writes the report for people, and nothing when a program reads.
type printer struct {
	out      io.Writer
	quiet    bool
	terminal bool      // there is a line to overwrite
	last     time.Time // when progress was last shown
}

func newPrinter(out io.Writer, quiet bool) *printer {
	p := &printer{out: out, quiet: quiet}
	if f, ok := out.(*os.File); ok {
		st, err := f.Stat()
		p.terminal = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *printer) line(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// progressEvery is as often as an eye can follow.
const progressEvery = 100 * time.Millisecond

// progress overwrites its own line on a terminal.
func (p *printer) progress(format string, args ...any) {
	if p.quiet || !p.terminal || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.out, "\r"+format+"\x1b[K", args...)
}

func (p *printer) endProgress() {
	if !p.quiet && p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

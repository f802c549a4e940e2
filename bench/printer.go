package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// printer writes results to out, and progress to a terminal.
type printer struct {
	out  io.Writer
	json bool
	term io.Writer // nil without one
	last time.Time
}

func newPrinter(out, progress io.Writer, asJSON bool) *printer {
	p := &printer{out: out, json: asJSON}
	if f, ok := progress.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			p.term = progress
		}
	}
	return p
}

// clearRest is the escape sequence that clears the line from the cursor on.
const clearRest = "\x1b[K"

// progressEvery is as often as an eye can follow.
const progressEvery = 100 * time.Millisecond

// progress overwrites its own line on a terminal.
func (p *printer) progress(format string, args ...any) {
	if p.term == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.term, "\r"+format+clearRest, args...)
}

// line writes a line for people, in place of the progress.
func (p *printer) line(format string, args ...any) {
	p.clear()
	if !p.json {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// object writes a result for programs.
func (p *printer) object(v any) error {
	p.clear()
	if !p.json {
		return nil
	}
	return json.NewEncoder(p.out).Encode(v)
}

func (p *printer) clear() {
	if p.term != nil && !p.last.IsZero() {
		fmt.Fprint(p.term, "\r"+clearRest)
		p.last = time.Time{}
	}
}

package demo

import (
	"fmt"
	"io"
	"os"
	"time"
)

// printer writes the report for people, and nothing when a program reads.
type printer struct {
	out      io.Writer
	quiet    bool
	terminal bool      // there is a line to overwrite
	last     time.Time // when progress was last shown
	shown    bool      // progress stands on the line
}

func newPrinter(out io.Writer, quiet bool) *printer {
	p := &printer{out: out, quiet: quiet}
	if f, ok := out.(*os.File); ok {
		st, err := f.Stat()
		p.terminal = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// clearRest is the escape sequence that clears the line from the cursor on.
const clearRest = "\x1b[K"

// line writes a line of the report, in place of the progress.
func (p *printer) line(format string, args ...any) {
	if p.quiet {
		return
	}
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// progressEvery is as often as an eye can follow.
const progressEvery = 100 * time.Millisecond

// progress overwrites its own line on a terminal.
func (p *printer) progress(format string, args ...any) {
	if p.quiet || !p.terminal || time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	fmt.Fprintf(p.out, "\r"+format+clearRest, args...)
}

// clear takes the progress away.
func (p *printer) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r"+clearRest)
		p.shown = false
	}
}

package demo

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// story is what a demo says, on any printer.
func story(p *printer) {
	p.line("one")
	p.progress("half %d", 2)
	p.progress("too soon after")
	p.line("two")
	p.clear()
}

func TestPrinter(t *testing.T) {
	for _, c := range []struct {
		name            string
		quiet, terminal bool
		want            string
	}{
		{"terminal", false, true, "one\n\rhalf 2\x1b[K\r\x1b[Ktwo\n"},
		{"no terminal", false, false, "one\ntwo\n"},
		{"quiet", true, false, ""},
		{"quiet terminal", true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			p := newPrinter(&out, c.quiet)
			p.terminal = c.terminal
			story(p)
			if out.String() != c.want {
				t.Errorf("wrote %q, want %q", out.String(), c.want)
			}
		})
	}
}

// When something ends the demo early, the error has a line of its own.
func TestPrinterClear(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false)
	p.terminal = true
	p.progress("half")
	p.clear()
	p.clear()
	if want := "\rhalf\x1b[K\r\x1b[K"; out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}

// What is not a terminal gets no escape codes.
func TestPrinterFindsTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "report"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	for name, out := range map[string]io.Writer{"file": file, "pipe": w, "buffer": new(bytes.Buffer)} {
		if newPrinter(out, false).terminal {
			t.Errorf("a %s is taken for a terminal", name)
		}
	}
	if pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err == nil {
		t.Cleanup(func() { _ = pty.Close() })
		if !newPrinter(pty, false).terminal {
			t.Error("a terminal is not taken for one")
		}
	}
}

package top

import (
	"strings"
	"unicode/utf8"
)

// Style is what a piece of text means; a terminal gives it a colour.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Faint
	Strong
	Heading
	Good
	Doubtful
	Bad
	Marked // the selected session
)

// Span is text of one style.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of a Frame.
type Line []Span

// Frame is what a terminal shows, from the top.
type Frame []Line

// String returns the text alone, without spaces at the ends of lines.
func (f Frame) String() string {
	var b strings.Builder
	for _, l := range f {
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// sgr are the attributes of ECMA-48 that the styles have on a terminal with
// colours.
var sgr = [...]string{Plain: "", Faint: "2", Strong: "1", Heading: "7", Good: "32", Doubtful: "33", Bad: "31", Marked: "7"}

// ANSI returns the text with the colours of its styles.
func (f Frame) ANSI() string {
	var b strings.Builder
	for _, l := range f {
		for _, s := range l {
			if sgr[s.Style] == "" {
				b.WriteString(s.Text)
				continue
			}
			b.WriteString("\x1b[" + sgr[s.Style] + "m" + s.Text + "\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// fit returns l with exactly width columns.
func (l Line) fit(width int) Line {
	var out Line
	for _, s := range l {
		if n := utf8.RuneCountInString(s.Text); n <= width {
			out, width = append(out, s), width-n
			continue
		}
		return append(out, Span{cut(s.Text, width), s.Style})
	}
	return append(out, Span{strings.Repeat(" ", width), Plain})
}

// cut returns the first n characters of s, the last of which says that there
// were more.
func cut(s string, n int) string {
	r := []rune(s)
	switch {
	case len(r) <= n:
		return s
	case n <= 0:
		return ""
	}
	return string(r[:n-1]) + "…"
}

// left brings s to n columns.
func left(s string, n int) string { return padded(s, n, false) }

func padded(s string, n int, before bool) string {
	s = cut(s, n)
	space := strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
	if before {
		return space + s
	}
	return s + space
}

// printable returns s without what would move a cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || 0x80 <= r && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

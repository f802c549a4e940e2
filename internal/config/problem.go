package config

import (
	"fmt"
	"strings"
	"unicode"
)

// maxProblems bounds what one file can make us print.
const maxProblems = 20

// Problem is one thing wrong (or, as a warning, doubtful) in a configuration.
type Problem struct {
	File         string
	Line, Column int    // from 1, in characters; 0 when there is no file
	Field        string // path of the key, such as peers[1].transmit-interval; may be empty
	Text         string // what is wrong and what to do
	source       string // the line itself; empty when it may hold a secret
}

// String returns file:line:column: field: text, in one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	return b.String() + p.Text
}

// Excerpt returns the line the problem is in with a caret under the place, or
// nothing when there is no line worth showing:
//
//	12 |     transmit-interval: 50us
//	   |                        ^
func (p Problem) Excerpt() string {
	const widest = 160
	runes := []rune(p.source)
	if p.Line == 0 || p.source == "" || p.Column < 1 || p.Column > len(runes)+1 || len(runes) > widest {
		return ""
	}
	// Tabs stay tabs, so that the caret stands under the place whatever their
	// width; what a terminal might act on does not reach it.
	visible := func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	number := fmt.Sprint(p.Line)
	return fmt.Sprintf("  %s | %s\n  %s | %s^\n",
		number, strings.Map(visible, p.source),
		strings.Repeat(" ", len(number)), strings.Map(blank, string(runes[:p.Column-1])))
}

// Error is a configuration that was refused: its problems in the order of the
// file, the first maxProblems of them.
type Error struct {
	Problems []Problem
	More     int // further problems, not kept
}

// Error returns one line for each problem.
func (e *Error) Error() string {
	return e.render(func(p Problem) string { return p.String() + "\n" })
}

// Detail is Error with the line of the file under each problem.
func (e *Error) Detail() string {
	return e.render(func(p Problem) string { return p.String() + "\n" + p.Excerpt() })
}

func (e *Error) render(one func(Problem) string) string {
	var b strings.Builder
	for _, p := range e.Problems {
		b.WriteString(one(p))
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "and %d more\n", e.More)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

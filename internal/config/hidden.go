package config

import (
	"regexp"
	"slices"

	"github.com/goccy/go-yaml/token"
)

// maySecret finds lines from which on a secret may stand, and topLevel those
// that begin another section, when no brace is open above.
var (
	maySecret = regexp.MustCompile(`(?i)secret|(^|[\s{,"'])keys["']?\s*:`)
	topLevel  = regexp.MustCompile(`^["']?([a-z-]+)["']?\s*:`)
)

// hiddenLines says which lines no message may show: those from a mention of
// keys or secrets to the next section. It looks at the text, and hides too much
// rather than too little, because the files that need messages are those whose
// structure is broken.
func hiddenLines(lines, sections []string) []bool {
	hidden := make([]bool, len(lines))
	on := false
	for i, line := range lines {
		if m := topLevel.FindStringSubmatch(line); m != nil && slices.Contains(sections, m[1]) {
			on = false
		}
		on = on || maySecret.MatchString(line)
		hidden[i] = on
	}
	return hidden
}

// hides tells whether a line, counted from 1, is not to be shown.
func (d *document) hides(line int) bool {
	return line >= 1 && line <= len(d.hidden) && d.hidden[line-1]
}

// cite returns what a message may repeat of text that stands at tk.
func (d *document) cite(tk *token.Token, text string) string {
	if d.hidesAt(tk) {
		return "***"
	}
	return text
}

func (d *document) hidesAt(tk *token.Token) bool {
	return tk != nil && tk.Position != nil && d.hides(tk.Position.Line)
}

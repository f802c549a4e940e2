package config

import (
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// maxDepth is how deep a document may be nested, several times what a
// configuration has. The parser's time grows with the square of the depth, and
// documents also come from the control socket.
const maxDepth = 64

// tooDeep returns the token at which source is nested deeper than maxDepth, nil
// where it nowhere is. It looks at brackets and at what is opened within one line,
// as in "- - - a"; depth by indentation costs the sender the square in bytes, too.
func tooDeep(source []byte) *token.Token {
	brackets, opened, line := 0, 0, 0
	for _, tk := range lexer.Tokenize(string(source)) {
		if tk.Position.Line != line {
			opened, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(brackets-1, 0)
		case token.SequenceEntryType, token.MappingKeyType:
			opened++
		}
		if brackets > maxDepth || opened > maxDepth {
			return tk
		}
	}
	return nil
}

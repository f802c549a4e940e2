package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// value is a node of the syntax tree and the path that leads to it.
type value struct {
	node ast.Node
	path string
}

// fields says, for each key a mapping may have, what to do with its value. It
// is both the schema and the decoder.
type fields map[string]func(value)

// document walks one file's syntax tree. It never stops at a problem: a person
// who mends a file wants to hear of all of them. The depth of the walk is that
// of the schema, so neither deep nesting nor an alias of its own parent can
// make it long.
type document struct {
	name     string
	sections []string // the keys of the whole document
	lines    []string
	hidden   []bool // lines that may hold a secret
	anchors  map[string]ast.Node
	keyLines map[uint32]int // where each key stands
	keyUses  []keyUse
	running  []AuthKey // whose secrets masks stand for; nil: a file has no masks
	problems []Problem
	warnings []Problem
}

// parse returns the root of the only document in source.
func (d *document) parse(source []byte) (value, bool) {
	source = bytes.TrimPrefix(source, []byte("\ufeff")) // some editors begin with it
	d.lines = strings.Split(strings.ReplaceAll(string(source), "\r\n", "\n"), "\n")
	d.hidden = hiddenLines(d.lines, d.sections)
	d.anchors, d.keyLines = map[string]ast.Node{}, map[uint32]int{}
	if tk := tooDeep(source); tk != nil {
		d.add(tk, "", fmt.Sprintf("is nested more than %d deep: a configuration is not", maxDepth))
		return value{}, false
	}
	file, err := parser.ParseBytes(source, 0)
	if err != nil {
		var located yaml.Error
		switch {
		case !errors.As(err, &located):
			d.add(nil, "", "not valid YAML")
		case d.hidesAt(located.GetToken()) && strings.Contains(located.GetMessage(), `"`):
			d.add(located.GetToken(), "", "not valid YAML (details and line are not shown: they may hold a secret)")
		case strings.Contains(located.GetMessage(), "'\t' that cannot start"):
			d.add(located.GetToken(), "", "a tab cannot stand here: YAML is indented with spaces")
		default:
			d.add(located.GetToken(), "", "not valid YAML: "+printable(located.GetMessage()))
		}
		return value{}, false
	}
	var root value
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.DirectiveType:
		case root.node != nil:
			d.fault(value{node: doc.Body}, "a second document: a configuration is one document, so remove the --- line")
			return value{}, false
		default:
			root.node = doc.Body
		}
	}
	return root, root.node != nil
}

func (d *document) problem(tk *token.Token, path, text string) Problem {
	p := Problem{File: d.name, Field: path, Text: text}
	if tk != nil && tk.Position != nil {
		p.Line, p.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
		if p.Line <= len(d.lines) && !d.hides(p.Line) {
			p.source = d.lines[p.Line-1]
		}
	}
	return p
}

func (d *document) add(tk *token.Token, path, text string) {
	d.problems = append(d.problems, d.problem(tk, path, text))
}

func (d *document) fault(v value, format string, args ...any) {
	d.add(start(v.node), v.path, fmt.Sprintf(format, args...))
}

func (d *document) warn(v value, format string, args ...any) {
	d.warnings = append(d.warnings, d.problem(start(v.node), v.path, fmt.Sprintf(format, args...)))
}

// err returns the problems met so far as an *Error, or nil.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	sortProblems(d.problems)
	kept := min(len(d.problems), maxProblems)
	return &Error{Problems: d.problems[:kept], More: len(d.problems) - kept}
}

func sortProblems(p []Problem) {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// printable keeps what a terminal might act on out of messages.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// start returns the first token of a node: a block mapping's own token is the
// colon behind its first key.
func start(n ast.Node) *token.Token {
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	}
	return n.GetToken()
}

// resolve replaces anchors and aliases by what they stand for.
func (d *document) resolve(v value) (value, bool) {
	// An alias may name an alias; a longer chain than there are anchors is a loop.
	for range len(d.anchors) + 2 {
		switch n := v.node.(type) {
		case *ast.AnchorNode:
			d.anchors[n.Name.GetToken().Value] = n.Value
			v.node = n.Value
		case *ast.AliasNode:
			name := n.Value.GetToken().Value
			target, known := d.anchors[name]
			if !known {
				d.fault(v, "no anchor &%s stands above: define it before it is used; text that begins with * goes in quotes", d.cite(start(v.node), name))
				return v, false
			}
			v.node = target
		case *ast.TagNode:
			d.fault(v, "tags such as %s are not used here: remove it; text that begins with ! goes in quotes", d.cite(n.GetToken(), n.GetToken().Value))
			return v, false
		default:
			return v, true
		}
	}
	d.fault(v, "the alias refers to itself: write the value out")
	return v, false
}

// mapping hands each value of a mapping to its key's function. An empty value
// is an empty mapping: a section whose lines are commented out. It answers
// false when there is no mapping here at all.
func (d *document) mapping(v value, f fields) bool {
	v, ok := d.resolve(v)
	if !ok || isEmpty(v) {
		return ok
	}
	m, ok := v.node.(*ast.MappingNode)
	if !ok {
		d.fault(v, "want \"key: value\" here, the keys being %s", strings.Join(slices.Sorted(maps.Keys(f)), ", "))
		return false
	}
	d.pairs(v, m, func(key string, tk *token.Token, item value) {
		if set, known := f[key]; known {
			set(item)
			return
		}
		d.add(tk, v.path, unknownKey(d.cite(tk, key), key, slices.Sorted(maps.Keys(f))))
	})
	return true
}

// pairs calls each with every key of m.
func (d *document) pairs(v value, m *ast.MappingNode, each func(key string, tk *token.Token, item value)) {
	for _, pair := range m.Values {
		tk := pair.Key.GetToken()
		if pair.Key.Type() == ast.MergeKeyType {
			d.add(tk, v.path, "merge keys (<<) are not used here: put what peers share into a profile")
			continue
		}
		if _, plain := pair.Key.(ast.ScalarNode); !plain {
			d.add(tk, v.path, "a key is plain text here")
			continue
		}
		path := printable(tk.Value)
		if v.path != "" {
			path = v.path + "." + path
		}
		each(tk.Value, tk, value{pair.Value, path})
	}
}

// list calls each with every item of a sequence; an empty value is an empty one.
func (d *document) list(v value, each func(value)) {
	v, ok := d.resolve(v)
	if !ok || isEmpty(v) {
		return
	}
	s, ok := v.node.(*ast.SequenceNode)
	if !ok {
		d.fault(v, "want a list: start each item with a dash, or put it into brackets")
		return
	}
	for i, item := range s.Values {
		each(value{item, fmt.Sprintf("%s[%d]", v.path, i)})
	}
}

// text returns a scalar as it is written, without quotes. Numbers are texts
// too: 0660 and 300 mean different things to different fields.
func (d *document) text(v value) (string, bool) {
	v, ok := d.resolve(v)
	if !ok {
		return "", false
	}
	switch n := v.node.(type) {
	case nil, *ast.NullNode:
		d.fault(v, "has no value: give it one or remove the key")
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	default:
		d.fault(v, "want a single value")
	}
	return "", false
}

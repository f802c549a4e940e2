package scenario

import (
	"fmt"
	"os"
	"strings"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// script is a file as read. Its lines are kept, so that -update can write them
// back.
type script struct {
	path   string
	lines  []string
	rows   []string
	also   bool // play it as multihop, too
	keys   []statement
	limits engine.Config
	fast   fastPath
	told   bool        // the script says what fast is
	parts  []statement // D and T lines, in order
	steps  []statement
}

// statement is one line: who, what, and name=value pairs.
type statement struct {
	no    int // of the line, from 1
	at    session.Time
	who   string
	verb  string
	words []string // neither verb nor pair
	args  []arg
}

type arg struct{ name, value string }

func (s *statement) errorf(sc *script, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", sc.path, s.no, fmt.Errorf(format, args...))
}

// take removes an argument that only some verbs have.
func (s *statement) take(name string) (value string, ok bool) {
	for i, a := range s.args {
		if a.name == name {
			s.args = append(append([]arg(nil), s.args[:i]...), s.args[i+1:]...)
			return a.value, true
		}
	}
	return "", false
}

func readScript(path string) (*script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseScript(path, string(b))
}

func parseScript(path, text string) (*script, error) {
	sc := &script{path: path, lines: strings.Split(text, "\n")}
	var last session.Time
	for i, raw := range sc.lines {
		line, _, _ := strings.Cut(raw, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		st := statement{no: i + 1}
		if err := sc.header(&st, fields); err != errNotHeader {
			if err != nil {
				return nil, st.errorf(sc, "%w", err)
			}
			continue
		}
		if err := st.step(fields, last); err != nil {
			return nil, st.errorf(sc, "%w", err)
		}
		last = st.at
		sc.steps = append(sc.steps, st)
	}
	return sc, sc.check()
}

var errNotHeader = fmt.Errorf("not a line of the header")

// header reads a line without an instant.
func (sc *script) header(st *statement, fields []string) error {
	name, isPart := strings.CutSuffix(fields[0], ":")
	switch {
	case fields[0] == "rows:":
		sc.rows = append(sc.rows, fields[1:]...)
	case fields[0] == "also:":
		if len(fields) != 2 || fields[1] != "multihop" {
			return fmt.Errorf("also: what? only multihop can be")
		}
		sc.also = true
	case fields[0] == "key":
		if len(fields) != 4 {
			return fmt.Errorf("a key has a name, a type and a secret")
		}
		st.words = fields[1:]
		sc.keys = append(sc.keys, *st)
	case fields[0] == "fast-path:":
		if len(fields) == 2 {
			sc.fast, sc.told = fastPaths[fields[1]], true
		}
		if _, ok := fastPaths[fields[len(fields)-1]]; !ok || len(fields) != 2 {
			return fmt.Errorf("a fast path is off, heard or insured")
		}
	case fields[0] == "limits:":
		st.pairs(fields[1:])
		return sc.limit(st)
	case isPart && (name[0] == 'D' || name[0] == 'T'):
		st.who = name
		st.pairs(fields[1:])
		sc.parts = append(sc.parts, *st)
	default:
		return errNotHeader
	}
	return nil
}

// limit reads what D's engine will not go beyond.
func (sc *script) limit(st *statement) error {
	if v, ok := st.take("capacity"); ok {
		n, err := integer(v, 32)
		if err != nil {
			return err
		}
		sc.limits.Capacity = n
	}
	if v, ok := st.take("min-interval"); ok {
		us, err := microseconds(v)
		if err != nil {
			return err
		}
		sc.limits.MinInterval = us
	}
	return st.leftOver()
}

// step reads a line with an instant.
func (st *statement) step(fields []string, last session.Time) error {
	at, relative := strings.CutPrefix(fields[0], "+")
	t, err := parseDuration(at)
	if err != nil {
		return err
	}
	if relative {
		t += last
	}
	if t < last {
		return fmt.Errorf("%s is before the line above", fields[0])
	}
	if len(fields) < 3 {
		return fmt.Errorf("an instant, somebody and what happens are wanted")
	}
	st.at, st.who, st.verb = t, fields[1], fields[2]
	st.pairs(fields[3:])
	// A session that is not D is named: expect D2 session state=up.
	if st.who == "expect" && st.verb[0] == 'D' && len(st.words) > 0 {
		st.words, st.verb = []string{st.verb}, st.words[0]
	}
	return nil
}

func (st *statement) pairs(fields []string) {
	for _, f := range fields {
		if name, value, ok := strings.Cut(f, "="); ok {
			st.args = append(st.args, arg{name, value})
		} else {
			st.words = append(st.words, f)
		}
	}
}

// check refuses a script that shows nothing.
func (sc *script) check() error {
	if !strings.HasPrefix(sc.lines[0], "# ") {
		return fmt.Errorf("%s:1: a sentence that says what this shows is wanted", sc.path)
	}
	for _, st := range sc.steps {
		if st.who == "expect" {
			return nil
		}
	}
	return fmt.Errorf("%s: nothing is expected", sc.path)
}

// replace puts what was seen in the place of what was wanted.
func (sc *script) replace(no int, name, want, got string) {
	old := " " + name + "=" + want
	line := sc.lines[no-1] + " "
	sc.lines[no-1] = strings.TrimSuffix(strings.Replace(line, old+" ", " "+name+"="+got+" ", 1), " ")
}

func (sc *script) write() error {
	return os.WriteFile(sc.path, []byte(strings.Join(sc.lines, "\n")), 0o644)
}

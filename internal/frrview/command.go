package frrview

import (
	"fmt"
	"strings"
)

// What names the thing that a Command is about.
type What int

// The things.
const (
	Peers What = iota
	Brief
	PeersCounters
	Peer
	PeerCounters
	Distributed
	StaticRoutes
)

// Command is one of FRR's commands.
type Command struct {
	Clear bool // What, which is counters; otherwise show it
	What  What
	JSON  bool
	VRF   string // empty when none is named

	// Of one peer:
	Peer, Local, Interface string // as typed; empty when not named
	Multihop               bool
}

// WordError is a word that no command has in this place.
type WordError struct {
	After string   // the words before it
	Word  string   // empty: the command ended too soon
	Want  []string // what could stand there; empty: a value
}

func (e *WordError) Error() string {
	want := "a value"
	switch {
	case len(e.Want) > 0:
		want = strings.Join(e.Want, ", ")
	case e.Word != "":
		want = "nothing more"
	}
	at := "at the beginning"
	if e.After != "" {
		at = fmt.Sprintf("after %q", e.After)
	}
	if e.Word == "" {
		return fmt.Sprintf("%s: want %s", at, want)
	}
	return fmt.Sprintf("%q %s: want %s", e.Word, at, want)
}

// Parse reads a command. Words may be cut short, as in vtysh, as long as they mean
// one thing. The error is a *WordError.
func Parse(words []string) (Command, error) {
	p := parser{words: words}
	var c Command
	verb, err := p.word("show", "clear")
	if err != nil {
		return c, err
	}
	c.Clear = verb == "clear"
	if _, err := p.word("bfd"); err != nil {
		return c, err
	}
	return c, p.subject(&c)
}

// Completions returns the words that may follow words, none where a value is due.
func Completions(words []string) []string {
	// A word that nobody has, so that the error names all that could stand there.
	_, err := Parse(append(words[:len(words):len(words)], "\x00"))
	if e, ok := err.(*WordError); ok {
		return e.Want
	}
	return nil
}

type parser struct {
	words []string
	at    int
}

func (p *parser) done() bool { return p.at == len(p.words) }

func (p *parser) wrong(want []string) error {
	e := &WordError{After: strings.Join(p.words[:p.at], " "), Want: want}
	if !p.done() {
		e.Word = p.words[p.at]
	}
	return e
}

// word takes the next word, which is one of the options or the beginning of one of
// them alone, and returns it whole.
func (p *parser) word(options ...string) (string, error) {
	if p.done() {
		return "", p.wrong(options)
	}
	var begun []string
	for _, o := range options {
		if o == p.words[p.at] {
			begun = []string{o}
			break
		}
		if strings.HasPrefix(o, p.words[p.at]) {
			begun = append(begun, o)
		}
	}
	if len(begun) != 1 || p.words[p.at] == "" {
		return "", p.wrong(options)
	}
	p.at++
	return begun[0], nil
}

// value takes the next word, whatever it is.
func (p *parser) value(into *string) error {
	if p.done() {
		return p.wrong(nil)
	}
	*into = p.words[p.at]
	p.at++
	return nil
}

func (p *parser) subject(c *Command) error {
	subjects := []string{"peers", "peer"}
	if !c.Clear {
		subjects = append(subjects, "distributed", "static")
	}
	what, err := p.word(append(subjects, "vrf")...)
	if err == nil && what == "vrf" {
		if err := p.value(&c.VRF); err != nil {
			return err
		}
		what, err = p.word("peers", "peer")
	}
	switch {
	case err != nil:
		return err
	case what == "peers":
		return p.peers(c)
	case what == "peer":
		return p.peer(c)
	case what == "distributed":
		c.What = Distributed
		return p.options()
	}
	c.What = StaticRoutes
	if _, err := p.word("route"); err != nil {
		return err
	}
	return p.options(option{word: "json", flag: &c.JSON})
}

func (p *parser) peers(c *Command) error {
	if c.Clear {
		c.What = PeersCounters
		_, err := p.word("counters")
		if err != nil {
			return err
		}
		return p.options()
	}
	var brief, counters bool
	err := p.options(option{word: "brief", flag: &brief, not: "counters"},
		option{word: "counters", flag: &counters, not: "brief"}, option{word: "json", flag: &c.JSON})
	switch {
	case brief:
		c.What = Brief
	case counters:
		c.What = PeersCounters
	}
	return err
}

func (p *parser) peer(c *Command) error {
	c.What = Peer
	if err := p.value(&c.Peer); err != nil {
		return err
	}
	var counters bool
	list := []option{
		{word: "multihop", flag: &c.Multihop}, {word: "local-address", value: &c.Local},
		{word: "interface", value: &c.Interface}, {word: "vrf", value: &c.VRF}, {word: "counters", flag: &counters},
	}
	if !c.Clear {
		list = append(list, option{word: "json", flag: &c.JSON})
	}
	if err := p.options(list...); err != nil {
		return err
	}
	if counters {
		c.What = PeerCounters
	} else if c.Clear {
		return p.wrong([]string{"counters"})
	}
	return nil
}

// option is a word that may follow, alone or with a value.
type option struct {
	word  string
	flag  *bool
	value *string
	not   string // a word it excludes
}

// options takes the rest of the words: each of the options at most once, in any
// order.
func (p *parser) options(list ...option) error {
	for !p.done() {
		names := make([]string, len(list))
		for i, o := range list {
			names[i] = o.word
		}
		name, err := p.word(names...)
		if err != nil {
			return err
		}
		var left []option
		var taken option
		for _, o := range list {
			if o.word == name {
				taken = o
			} else if o.not != name {
				left = append(left, o)
			}
		}
		list = left
		if taken.flag != nil {
			*taken.flag = true
		} else if err := p.value(taken.value); err != nil {
			return err
		}
	}
	return nil
}

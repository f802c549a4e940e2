package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

const wordOff = "off" // no dampening

// hooks reads the list of hooks.
func (d *document) hooks(into *[]Hook) func(value) {
	return func(v value) {
		lines := make(map[string]int)
		d.list(v, func(v value) {
			h, ok := d.hook(v)
			if !ok {
				return
			}
			if h.Name == "" {
				h.Name = unused(h.byItself(), lines)
			}
			if line, twice := lines[h.Name]; twice {
				d.fault(v, "a hook named %s stands on line %d already: give one of them another name", h.Name, line)
				return
			}
			lines[h.Name] = h.Line
			*into = append(*into, h)
		})
		if len(*into) > maxHooks {
			d.fault(v, "%d hooks are too many: at most %d; let one command tell the sessions apart", len(*into), maxHooks)
		}
	}
}

var hookName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)

// byItself is the name of a hook that was given none: the program's, or the host's.
func (h *Hook) byItself() string {
	name := ""
	if h.Run != nil {
		name = filepath.Base(h.Run[0])
	} else if u, err := url.Parse(h.URL); err == nil {
		name = u.Host
	}
	if !hookName.MatchString(name) {
		return "hook"
	}
	return name
}

// unused returns name, or name-2 and so on if there is that already.
func unused[V any](name string, in map[string]V) string {
	for n, free := 2, name; ; n++ {
		if _, taken := in[free]; !taken {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

func (d *document) hook(v value) (h Hook, ok bool) {
	h = Hook{
		Timeout: DefaultHookTimeout, Concurrency: DefaultHookConcurrency, Retries: DefaultHookRetries,
		Dampening: Dampening{DefaultDampeningWait, DefaultDampeningMax},
	}
	before := len(d.problems)
	at := places{}
	if !d.mapping(v, d.note(at, fields{
		"name":        d.hookName(&h.Name),
		"on":          d.events(&h.On),
		"run":         d.command(&h.Run),
		"url":         d.webAddress(&h.URL),
		"header":      d.header(&h.Header),
		"peer":        d.addresses(&h.Peers),
		"interface":   d.devices(&h.Interfaces),
		"profile":     d.texts(&h.Profiles),
		"timeout":     d.duration(&h.Timeout, maxHookTimeout),
		"rate":        d.rate(&h.Rate),
		"concurrency": d.number(&h.Concurrency, 1, maxHookConcurrency),
		"retries":     d.number(&h.Retries, 0, maxHookRetries),
		"dampening":   d.dampening(&h.Dampening),
	})) || len(d.problems) > before {
		return h, false
	}
	h.Line = d.line(v)
	_, header := at["header"]
	_, retries := at["retries"]
	switch {
	case len(h.On) == 0:
		d.fault(v, "has no on: say of which events, as in on: [up, down]; there are %s", strings.Join(HookEvents, ", "))
	case h.Run == nil && h.URL == "":
		d.fault(v, "does nothing: give it run, a program with its arguments, or url")
	case h.Run != nil && h.URL != "":
		d.fault(v, "has run and url: make two hooks of it")
	case h.Run != nil && (header || retries):
		d.fault(v, "header and retries go with url only: remove them")
	case h.Timeout == 0:
		d.fault(at["timeout"].value, "0 leaves no time at all: set %s or more", FormatInterval(1))
	case slices.Contains(h.On, "stall") && h.Filters():
		d.fault(v, "a stall is about no session: make a hook without peer, interface and profile for it")
	}
	if h.Header.Name != "" && strings.HasPrefix(h.URL, "http:") {
		d.warn(v, "the header's secret goes over the network in clear: use https")
	}
	return h, len(d.problems) == before
}

func (d *document) hookName(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if ok && !hookName.MatchString(s) {
			d.fault(v, "%q is not a name: at most 64 letters, digits and . _ : -, the first a letter or digit", s)
			return
		}
		*into = s
	}
}

func (d *document) devices(into *[]string) func(value) {
	return func(v value) {
		d.texts(into)(v)
		for _, name := range *into {
			if !validInterface(name) {
				d.fault(v, "%q cannot be the name of an interface: at most 15 characters, no space, '/' or ':'", name)
			}
		}
	}
}

func (d *document) events(into *[]string) func(value) {
	return func(v value) {
		d.texts(into)(v)
		for i, e := range *into {
			switch {
			case !slices.Contains(HookEvents, e):
				d.fault(v, "%q is not one of %s", e, strings.Join(HookEvents, ", "))
			case slices.Contains((*into)[:i], e):
				d.fault(v, "%s stands twice: once is enough", e)
			}
		}
	}
}

// texts reads one text or a list of them, none of them empty.
func (d *document) texts(into *[]string) func(value) {
	return func(v value) {
		v, ok := d.resolve(v)
		if !ok {
			return
		}
		one := func(v value) {
			if s, ok := d.text(v); ok && s == "" {
				d.fault(v, "is empty: write it or remove it")
			} else if ok {
				*into = append(*into, s)
			}
		}
		if _, many := v.node.(*ast.SequenceNode); many {
			d.list(v, one)
			return
		}
		one(v)
	}
}

var placeholder = regexp.MustCompile(`\{([a-z-]+)\}`)

// command reads a program and its arguments, which no shell will see.
func (d *document) command(into *[]string) func(value) {
	return func(v value) {
		before := len(d.problems)
		var words []string
		d.list(v, func(v value) {
			s, ok := d.text(v)
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == unicode.ReplacementChar }) {
				d.fault(v, "has a character in it that is no text: put it into a script")
			}
			for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
				if !slices.Contains(HookPlaceholders, m[1]) {
					d.fault(v, "there is no %s: %s", m[0], suggestion(m[1]))
				}
			}
			if ok {
				words = append(words, s)
			}
		})
		switch {
		case len(d.problems) > before:
		case len(words) == 0:
			d.fault(v, "is empty: list the program and its arguments, as in [/usr/local/bin/on-bfd, \"{peer}\"]")
		case len(words) > maxHookArguments:
			d.fault(v, "has %d words, at most %d are possible: put the rest into a script", len(words), maxHookArguments)
		case !strings.HasPrefix(words[0], "/") || placeholder.MatchString(words[0]):
			d.fault(v, "%q is not the absolute path of a program: no shell and no search path is used", words[0])
		default:
			*into = words
			d.executable(v, words[0])
		}
	}
}

func suggestion(word string) string {
	if near := Nearest(word, HookPlaceholders); near != "" {
		return "did you mean {" + near + "}?"
	}
	return "there are {" + strings.Join(HookPlaceholders, "}, {") + "}"
}

// executable warns of a program that cannot be run now: it may come later.
func (d *document) executable(v value, path string) {
	if d.running != nil {
		return // the hook is one that runs already
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		d.warn(v, "%s cannot be run: %s", path, withoutPath(err))
	case info.IsDir():
		d.warn(v, "%s is a directory: name a program", path)
	case info.Mode()&0o111 == 0:
		d.warn(v, "%s is not executable: chmod 755 it", path)
	}
}

func (d *document) webAddress(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			d.fault(v, "is not a web address: write it as https://host/path")
		case u.User != nil:
			d.fault(v, "has a name or password in it, which would be shown: use header with a secret-file")
		case u.Fragment != "":
			d.fault(v, "has a # part, which no server sees: remove it")
		default:
			*into = s
		}
	}
}

package config

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// header reads a header whose value is a secret. Messages do not repeat it.
func (d *document) header(into *Header) func(value) {
	return func(v value) {
		var values []Token
		add := func(v value, text string, ok bool) {
			switch {
			case !ok:
			case text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
				d.fault(v, "is not one line of printable ASCII, which the value of a header has to be")
			case text == SecretMask && d.running == nil:
				d.fault(v, "%s is what \"config show\" writes in place of a secret: write the secret itself", SecretMask)
			}
			values = append(values, NewToken(text))
		}
		before := len(d.problems)
		if !d.mapping(v, fields{
			"name":   d.string(&into.Name),
			"secret": func(v value) { s, ok := d.text(v); add(v, s, ok) },
			"secret-file": func(v value) {
				contents, ok := d.secretContents(v)
				add(v, strings.TrimRight(string(contents), "\r\n"), ok)
			},
		}) || len(d.problems) > before {
			return
		}
		switch {
		case !validHeader(into.Name):
			d.fault(v, "has no name that a header may have: give one, such as Authorization; it cannot be Host or one that says how the body is sent")
		case len(values) != 1:
			d.fault(v, "needs one secret: give secret-file, or secret")
		default:
			into.Value = values[0]
		}
	}
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func validHeader(name string) bool {
	taken := []string{"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Trailer", "Upgrade"}
	return headerName.MatchString(name) && !slices.Contains(taken, http.CanonicalHeaderKey(name))
}

func (d *document) rate(into *Rate) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		count, unit, _ := strings.Cut(s, "/")
		n, err := strconv.ParseUint(count, 10, 16)
		for _, u := range rateUnits {
			if u.name == unit && err == nil && n > 0 {
				*into = Rate{int(n), u.per}
				return
			}
		}
		d.fault(v, "%q is not a rate: write a number from 1 to 65535 and /s, /m or /h, as in 10/s", s)
	}
}

func (d *document) dampening(into *Dampening) func(value) {
	return func(v value) {
		if plain, ok := d.resolve(v); ok && (isWord(plain, wordOff) || isWord(plain, "false")) {
			*into = Dampening{}
			return
		}
		d.mapping(v, fields{
			"wait":    d.duration(&into.Wait, maxDampening),
			"maximum": d.duration(&into.Max, maxDampening),
		})
		if into.Wait == 0 || into.Max < into.Wait {
			d.fault(v, "wait is to be more than 0 and no longer than maximum: change them, or write off for no dampening")
		}
	}
}

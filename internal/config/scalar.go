package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The functions below make setters for fields: each takes where the value goes
// and returns what to do with the value of a key.

func (d *document) string(into *string) func(value) {
	return func(v value) {
		if s, ok := d.text(v); ok {
			*into = s
		}
	}
}

func (d *document) choice(into *string, from []string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		for _, c := range from {
			if s == c {
				*into = s
				return
			}
		}
		d.fault(v, "%q is not one of %s", s, strings.Join(from, ", "))
	}
}

func (d *document) boolean(into **bool) func(value) {
	return func(v value) {
		var b bool
		before := len(d.problems)
		if d.flag(&b)(v); len(d.problems) == before {
			*into = &b
		}
	}
}

func (d *document) flag(into *bool) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if ok && s != "true" && s != "false" {
			d.fault(v, "%q is neither true nor false", s)
			return
		}
		*into = s == "true"
	}
}

func (d *document) duration(into *time.Duration, limit time.Duration) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		t, err := ParseDuration(s, limit)
		if err != nil {
			d.fault(v, "%s", err)
			return
		}
		*into = t
	}
}

// integer reads a whole number from low to high, in decimal.
func (d *document) integer(v value, low, high int) (int, bool) {
	s, ok := d.text(v)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || int(n) < low || int(n) > high {
		d.fault(v, "%q is not a whole number from %d to %d", s, low, high)
		return 0, false
	}
	return int(n), true
}

func (d *document) number(into *int, low, high int) func(value) {
	return func(v value) {
		if n, ok := d.integer(v, low, high); ok {
			*into = n
		}
	}
}

// interval reads a time that fits the protocol's 32 bits of microseconds, or one
// of the words that stand for 0.
func (d *document) interval(into **uint32, zero ...string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		var us uint32
		if !slices.Contains(zero, s) {
			var err error
			if us, err = ParseInterval(s, Milliseconds); err != nil {
				d.fault(v, "%s", err)
				return
			}
		}
		*into = &us
	}
}

// optional reads a number of eight bits; want describes the ones that are
// allowed. Numbers that fit but are not are left to Check, which can say why.
func (d *document) optional(into **uint8, want string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			d.fault(v, "%q is not %s", s, want)
			return
		}
		short := uint8(n)
		*into = &short
	}
}

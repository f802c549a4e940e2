package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// told is what D's clients heard of the session.
func (q *query) told(name string) (seen, error) {
	var list []string
	failures := 0
	for _, ev := range q.b.events {
		if ev.at < q.since || ev.Discr != q.d.discr {
			continue
		}
		if ev.Transitions > 0 {
			list = append(list, told1(&ev.Event))
		}
		if ev.AuthSwitched {
			list = append(list, "auth-switched")
		}
		if ev.SourceChanged {
			list = append(list, "source-changed")
		}
		if ev.Gone {
			list = append(list, "gone")
		}
		if ev.Failed && !ev.Failure.Admin {
			failures++
		}
	}
	switch name {
	case "failures":
		return count(failures), nil
	case "list":
		if list == nil {
			list = []string{"none"}
		}
		return word("%s", strings.Join(list, ",")), nil
	}
	return seen{}, errUnknownName
}

func told1(ev *engine.Event) string {
	if ev.Change.Diag == packet.DiagNone {
		return ev.Change.To.String()
	}
	return ev.Change.To.String() + "/" + ev.Change.Diag.String()
}

func (q *query) drops(name string) (seen, error) {
	drops := q.b.host.Totals().Drops
	for d, n := range drops {
		if packet.Drop(d).String() == name {
			return count(n), nil
		}
	}
	if name != "total" {
		return seen{}, errUnknownName
	}
	var list []string
	for d, n := range drops {
		if n > 0 {
			list = append(list, fmt.Sprintf("%v:%d", packet.Drop(d), n))
		}
	}
	if list == nil {
		list = []string{"none"}
	}
	return word("%s", strings.Join(list, ",")), nil
}

var refusals = []struct {
	why string
	err error
}{
	{"duplicate", engine.ErrDuplicate}, {"unknown", engine.ErrUnknown}, {"full", engine.ErrFull},
	{"key-in-use", engine.ErrKeyInUse}, {"key-unknown", engine.ErrKeyUnknown},
}

// refused says why D refused the latest act, which is thereby expected.
func (q *query) refused(name string) (seen, error) {
	err := q.b.refused
	q.b.refused = nil
	if name != "why" {
		return seen{}, errUnknownName
	}
	if err == nil {
		return word("not"), nil
	}
	if _, ok := errors.AsType[*engine.LoadError](err); ok {
		return word("load"), nil
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return word("%s", r.why), nil
		}
	}
	return word("invalid"), nil
}

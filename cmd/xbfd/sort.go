package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/xbfd/xbfd/internal/control"
)

// sessionOrders are the values of --sort: what is more worth a look comes first.
var sessionOrders = []struct {
	name string
	less func(a, b *control.Session) int
}{
	{"peer", func(a, b *control.Session) int { return a.Peer.Compare(b.Peer) }},
	{"interface", func(a, b *control.Session) int { return cmp.Compare(a.Interface, b.Interface) }},
	{"state", func(a, b *control.Session) int { return cmp.Compare(trouble(a.State), trouble(b.State)) }},
	{"uptime", func(a, b *control.Session) int { return cmp.Compare(a.UptimeSeconds, b.UptimeSeconds) }},
	{"downs", func(a, b *control.Session) int { return cmp.Compare(b.Counters.Down, a.Counters.Down) }},
	{"margin", func(a, b *control.Session) int { return cmp.Compare(margin(a), margin(b)) }},
	{"detect", func(a, b *control.Session) int { return cmp.Compare(a.DetectionTime, b.DetectionTime) }},
	{"profile", func(a, b *control.Session) int { return cmp.Compare(a.Profile, b.Profile) }},
	{"discr", func(a, b *control.Session) int { return cmp.Compare(a.LocalDiscriminator, b.LocalDiscriminator) }},
}

func sessionOrderNames() []string {
	names := make([]string, len(sessionOrders))
	for i, o := range sessionOrders {
		names[i] = o.name
	}
	return names
}

// sortSessions sorts by one of sessionOrders; those that are alike stay in the
// order of the API, which is by peer.
func sortSessions(list []control.Session, by string) {
	for _, o := range sessionOrders {
		if o.name == by {
			slices.SortStableFunc(list, func(a, b control.Session) int { return o.less(&a, &b) })
		}
	}
}

// trouble is how soon one wants to see a session in a state: the lower, the
// sooner.
func trouble(state string) int {
	return slices.Index([]string{"down", "init", "admin-down", "up"}, state)
}

// margin is the least of its detection time that a session has had left; one
// that has none yet comes last.
func margin(s *control.Session) int64 {
	if s.Margin.Min == nil {
		return 1 << 62
	}
	return *s.Margin.Min
}

// writeBrief writes one short line for each session.
func writeBrief(w io.Writer, list []control.Session) {
	fmt.Fprintln(w, "DISCR\tPEER\tINTERFACE\tSTATE\tUPTIME")
	for i := range list {
		s := &list[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", s.LocalDiscriminator, s.Peer, dash(s.Interface), s.State, uptime(s))
	}
}

func uptime(s *control.Session) string {
	if s.State != "up" {
		return "-"
	}
	return ago(s.UptimeSeconds)
}

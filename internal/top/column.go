package top

import (
	"cmp"
	"math"
	"strconv"
)

// column is one column of the table.
type column struct {
	word, title, key string // for --sort, the screen, the keyboard
	width            int
	compare          func(a, b *row) int // what needs a look comes first
	text             func(r *row) string
	style            func(r *row) Style // nil: Plain
	number           bool
}

// columns are those of the table, from the left; the sparkline follows them. The
// first takes what width the others leave.
var columns = []column{
	{word: "peer", title: "PEER", key: "p", width: 15, compare: byPeer,
		text: func(r *row) string { return r.Peer.String() }},
	{word: "interface", title: "IFACE", key: "i", width: 6,
		compare: func(a, b *row) int { return cmp.Compare(a.Interface, b.Interface) },
		text:    func(r *row) string { return cmp.Or(printable(r.Interface), "-") }},
	{word: "state", title: "STATE", key: "s", width: 5,
		compare: func(a, b *row) int { return cmp.Compare(stateRank[a.State], stateRank[b.State]) },
		text:    func(r *row) string { return shortState(r.State) }, style: stateStyle},
	{word: "uptime", title: "UPTIME", key: "u", width: 6, number: true,
		compare: func(a, b *row) int { return cmp.Compare(a.UptimeSeconds, b.UptimeSeconds) }, text: uptime},
	{word: "tx", title: "TX/S", key: "t", width: 5, number: true,
		compare: func(a, b *row) int { return cmp.Compare(b.tx, a.tx) },
		text:    func(r *row) string { return rate(r.tx) }},
	{word: "rx", title: "RX/S", key: "x", width: 5, number: true,
		compare: func(a, b *row) int { return cmp.Compare(b.rx, a.rx) },
		text:    func(r *row) string { return rate(r.rx) }},
	{word: "margin", title: "MARGIN", key: "m", width: 7, number: true,
		compare: func(a, b *row) int { return cmp.Compare(least(a), least(b)) }, text: margin, style: marginStyle},
	{word: "near", title: "NEAR", key: "n", width: 5, number: true,
		compare: func(a, b *row) int { return cmp.Compare(b.Margin.NearMisses, a.Margin.NearMisses) },
		text:    func(r *row) string { return strconv.FormatUint(uint64(r.Margin.NearMisses), 10) }},
	{word: "flaps", title: "FLAPS", key: "f", width: 5, number: true,
		compare: func(a, b *row) int { return cmp.Compare(b.Counters.Down, a.Counters.Down) },
		text:    func(r *row) string { return strconv.FormatUint(r.Counters.Down, 10) }},
}

// Columns are the words that a list can be sorted by.
func Columns() []string {
	words := make([]string, len(columns))
	for i, c := range columns {
		words[i] = c.word
	}
	return words
}

var stateRank = map[string]int{"down": 0, "init": 1, "up": 2, "admin-down": 3}

func byPeer(a, b *row) int {
	return cmp.Or(a.Peer.Compare(b.Peer), a.Local.Compare(b.Local), cmp.Compare(a.Interface, b.Interface),
		cmp.Compare(a.LocalDiscriminator, b.LocalDiscriminator))
}

func shortState(state string) string {
	if state == "admin-down" {
		return "admin"
	}
	return state
}

func stateStyle(r *row) Style {
	switch r.State {
	case "up":
		return Good
	case "init":
		return Doubtful
	case "down":
		return Bad
	}
	return Faint
}

func uptime(r *row) string {
	if r.State != "up" {
		return "-"
	}
	return age(r.UptimeSeconds)
}

// least is the least margin ever in µs.
func least(r *row) int64 {
	if r.Margin.Min == nil {
		return math.MaxInt64
	}
	return *r.Margin.Min
}

func margin(r *row) string {
	if r.Margin.Min == nil {
		return "-"
	}
	return span(*r.Margin.Min)
}

// marginStyle warns of a session that has once been near its end.
func marginStyle(r *row) Style {
	switch {
	case r.Margin.Min == nil || r.DetectionTime == 0:
		return Plain
	case *r.Margin.Min <= 0:
		return Bad
	case r.Margin.NearMisses > 0:
		return Doubtful
	}
	return Plain
}

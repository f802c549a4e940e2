package top

import (
	"cmp"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/client"
)

// Options are what a Model is from the start.
type Options struct {
	Sort   string // one of Columns; "peer" when empty
	Filter string
	// Detail returns the text of one session in full.
	Detail func(*client.Session) string
}

// page is what the whole screen is given to.
type page int

const (
	list page = iota
	detail
	help
)

// Model is what is shown. The zero value is not ready; New makes one.
type Model struct {
	o      Options
	width  int
	height int

	now     Snapshot // the last one with an answer
	err     error    // why there is none now
	looked  Snapshot // the one before, for its time
	rows    map[key]*row
	shown   []*row  // those that pass the filter, in their order
	longest int     // characters of a peer in shown
	busy    float64 // processors that the daemon keeps busy

	page    page
	sort    int // of columns
	reverse bool
	filter  string
	editing bool
	paused  bool
	quit    bool

	selected key
	top      int // first line shown, of the list or of the page
}

// New returns a Model for a screen of 80 by 24.
func New(o Options) *Model {
	m := &Model{o: o, width: 80, height: 24, filter: o.Filter, rows: map[key]*row{}}
	m.sort = max(0, slices.IndexFunc(columns, func(c column) bool { return c.word == o.Sort }))
	return m
}

// Resize tells how large the screen is, in characters.
func (m *Model) Resize(width, height int) { m.width, m.height = max(width, 20), max(height, 8) }

// Done tells whether the person wants to leave.
func (m *Model) Done() bool { return m.quit }

// Take takes in what was found out.
func (m *Model) Take(s Snapshot) {
	if m.paused {
		return
	}
	m.err = s.Err
	if s.Err == nil {
		m.rows, m.busy = follow(&m.now, m.rows, &s), cores(&m.now, &s)
		m.now = s
	}
	m.looked = s
	m.arrange()
}

// arrange makes shown what filter and order say.
func (m *Model) arrange() {
	m.shown, m.longest = m.shown[:0], 0
	for _, r := range m.rows {
		if m.passes(r) {
			m.shown = append(m.shown, r)
			m.longest = max(m.longest, len(r.Peer.String()))
		}
	}
	by := columns[m.sort].compare
	slices.SortFunc(m.shown, func(a, b *row) int {
		order := by(a, b)
		if m.reverse {
			order = -order
		}
		return cmp.Or(order, byPeer(a, b))
	})
	if m.index() < 0 && len(m.shown) > 0 && m.page != detail {
		m.selected = keyOf(m.shown[0].Session)
	}
}

// passes tells whether r has every word of the filter.
func (m *Model) passes(r *row) bool {
	text := strings.ToLower(strings.Join([]string{
		r.Peer.String(), r.Local.String(), r.Interface, r.State, r.Profile, r.Owner, r.Transport, r.Diagnostic}, " "))
	for _, word := range strings.Fields(strings.ToLower(m.filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// index returns where the selected session stands, -1 if nowhere.
func (m *Model) index() int {
	return slices.IndexFunc(m.shown, func(r *row) bool { return keyOf(r.Session) == m.selected })
}

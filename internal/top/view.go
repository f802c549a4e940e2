package top

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// headerLines stand above every page, its titles included; one more is below it.
const headerLines = 5

// room is how many lines are left for a page.
func (m *Model) room() int { return max(1, m.height-headerLines-1) }

// Frame returns the screen, all of it.
func (m *Model) Frame() Frame {
	f := append(m.header(), m.body(m.room())...)
	for len(f) < m.height-1 {
		f = append(f, nil)
	}
	f = append(f, m.footer())
	return m.fitted(f)
}

// Once returns a frame as long as there are sessions, without keys, for a pipe.
func (m *Model) Once() Frame {
	m.selected = key{}
	return m.fitted(append(m.header(), m.body(len(m.shown))...))
}

func (m *Model) fitted(f Frame) Frame {
	for i := range f {
		f[i] = f[i].fit(m.width)
	}
	return f
}

// header says how the daemon and its sessions are as a whole.
func (m *Model) header() Frame {
	st := &m.now.Status
	n := &st.Sessions
	tx, rx, heard := total(m.rows)
	title := Line{{"xbfd " + printable(st.Version), Strong},
		{fmt.Sprintf("  process %d, up %s", st.PID, age(st.UptimeSeconds)), Plain}}
	switch {
	case m.err != nil && m.now.At.IsZero():
		title = Line{{printable(m.err.Error()), Bad}}
	case m.now.At.IsZero():
		title = Line{{"asking the daemon", Faint}}
	case m.err != nil:
		title = append(title, Span{"  no answer for " + age(m.looked.At.Sub(m.now.At).Seconds()) + ", waiting: " + printable(m.err.Error()), Bad})
	case m.paused:
		title = append(title, Span{"  paused", Doubtful})
	default:
		title = append(title, Span{"  " + m.now.At.UTC().Format("15:04:05 MST"), Faint})
	}
	return Frame{
		title,
		{{fmt.Sprintf("sessions %d: ", n.Total), Plain}, count(n.Up, "up", Good), {", ", Plain}, count(n.Init, "init", Doubtful), {", ", Plain},
			count(n.Down, "down", Bad), {", ", Plain}, count(n.AdminDown, "admin-down", Faint)},
		{{fmt.Sprintf("packets/s in %s, out %s, heard by XDP %s", rate(rx), rate(tx), rate(heard)), Plain},
			{fmt.Sprintf("    processors %.2f", m.busy), Plain}},
		m.machine(),
		m.titles(),
	}
}

// count is a number of sessions, in colour only if there are any.
func count(n int, what string, style Style) Span {
	if n == 0 {
		style = Plain
	}
	return Span{fmt.Sprintf("%d %s", n, what), style}
}

// machine says what the daemon's own threads have been through.
func (m *Model) machine() Line {
	st := &m.now.Status
	var stalls, longest uint64
	for _, w := range st.Workers {
		stalls, longest = stalls+w.Stalls, max(longest, w.LongestStall)
	}
	l := Line{{fmt.Sprintf("workers %d, ", len(st.Workers)), Plain}, {fmt.Sprintf("stalls %d", stalls), Plain}}
	if stalls > 0 {
		l = append(l, Span{", longest " + span(int64(longest)), Plain})
	}
	p := &st.Process
	return append(l, Span{fmt.Sprintf("    GC %d, pauses %s    memory %s", p.GCCycles, span(int64(p.GCPause)), size(p.Memory)), Plain})
}

// titles are the heads of the columns, or of the page.
func (m *Model) titles() Line {
	text := ""
	switch m.page {
	case help:
		text = "KEYS"
	case detail:
		text = "SESSION"
	case list:
		wide, bar := m.widths()
		for i, c := range columns {
			width := c.width
			if i == 0 {
				width = wide
			}
			text += padded(c.title, width, c.number) + " "
		}
		text += left("NOW", bar)
	}
	return Line{{left(text, m.width), Heading}}
}

// widths returns those of the first column and of the sparkline.
func (m *Model) widths() (peer, bar int) {
	free := m.width
	for _, c := range columns[1:] {
		free -= c.width + 1
	}
	free-- // after the first
	const leastBar = 8
	peer = min(max(m.longest, columns[0].width), max(free-leastBar, columns[0].width))
	return peer, min(max(free-peer, 0), samples)
}

func (m *Model) body(room int) Frame {
	switch m.page {
	case help:
		return m.scrolled(helpText(), room)
	case detail:
		return m.scrolled(m.detail(), room)
	}
	if len(m.shown) == 0 {
		switch {
		case m.now.At.IsZero():
			return nil
		case m.filter != "":
			return Frame{{{"no session passes the filter", Faint}}}
		}
		return Frame{{{"no sessions", Faint}}}
	}
	at := max(m.index(), 0)
	m.top = min(max(m.top, at-room+1, 0), at, max(len(m.shown)-room, 0))
	var f Frame
	for _, r := range m.shown[m.top:min(m.top+room, len(m.shown))] {
		f = append(f, m.line(r))
	}
	return f
}

// line is one session in the table.
func (m *Model) line(r *row) Line {
	peer, bar := m.widths()
	var l Line
	for i, c := range columns {
		width, style := c.width, Plain
		if i == 0 {
			width = peer
		}
		if c.style != nil {
			style = c.style(r)
		}
		l = append(l, Span{padded(c.text(r), width, c.number), style}, Span{" ", Plain})
	}
	l = append(l, Span{sparkline(r.margin, bar), Plain})
	if keyOf(r.Session) == m.selected {
		return Line{{left(l.String(), m.width), Marked}}
	}
	return l
}

// scrolled is a page from the line on that is at the top.
func (m *Model) scrolled(lines []string, room int) (f Frame) {
	m.top = min(m.top, max(len(lines)-room, 0))
	for _, l := range lines[m.top:min(m.top+room, len(lines))] {
		f = append(f, Line{{printable(l), Plain}})
	}
	return f
}

// detail is the selected session in full.
func (m *Model) detail() []string {
	i := m.index()
	if i < 0 {
		return []string{"the session is gone"}
	}
	r := m.shown[i]
	lines := []string{
		fmt.Sprintf("Packets/s      in %s, out %s, heard by XDP %s", rate(r.rx), rate(r.tx), rate(r.heard)),
		"Margin now     " + sparkline(r.margin, samples),
	}
	if m.o.Detail != nil {
		lines = append(lines, strings.Split(strings.TrimRight(m.o.Detail(r.Session), "\n"), "\n")...)
	}
	return lines
}

// footer names the keys that matter here.
func (m *Model) footer() Line {
	switch {
	case m.editing:
		return Line{{"filter: " + m.filter, Strong}, {"_", Marked}, {"  Enter keeps, Esc clears", Faint}}
	case m.page != list:
		return Line{{"up/down scroll  Esc back", Faint}}
	}
	text := fmt.Sprintf("%d by %s", len(m.shown), columns[m.sort].word)
	if m.reverse {
		text += ", reversed"
	}
	if m.filter != "" {
		text += fmt.Sprintf(", of %d: %s", len(m.rows), m.filter)
	}
	keys := "/ filter  p i s u t x m n f sort  r reverse  Enter detail  ? keys  q quit"
	if utf8.RuneCountInString(text+keys)+2 > m.width {
		keys = "/ filter  Enter detail  ? keys  q quit"
	}
	return Line{{text, Plain}, {"  " + keys, Faint}}
}

func helpText() []string {
	lines := []string{
		"up down page-up page-down home end   select a session",
		"Enter    the session in full; Esc comes back",
		"/        filter: words that peer, local address, interface, state, profile,",
		"         owner, transport or diagnostic must have; Enter keeps, Esc clears",
		"r        reverse the order       space  pause",
		"q        quit",
		"",
		"Sort by the column with the key; once more reverses:",
	}
	for some := range slices.Chunk(columns, 5) {
		text := ""
		for _, c := range some {
			text += fmt.Sprintf("%s %-12s", c.key, c.word)
		}
		lines = append(lines, text)
	}
	return append(lines, "",
		"MARGIN is the least of the detection time that was ever left when a packet",
		"came; NEAR how often a packet saved the session at the last moment; FLAPS how",
		"often it went down. NOW is the share of the detection time that was left at each",
		"look, the newest at the right.")
}

package top

import "unicode/utf8"

// The names of keys that are not a character.
const (
	KeyUp        = "up"
	KeyDown      = "down"
	KeyPageUp    = "page-up"
	KeyPageDown  = "page-down"
	KeyHome      = "home"
	KeyEnd       = "end"
	KeyEnter     = "enter"
	KeyEscape    = "escape"
	KeyBackspace = "backspace"
	KeyInterrupt = "ctrl-c"
)

// Key does what a key is for; a character stands for itself.
func (m *Model) Key(key string) {
	switch {
	case key == KeyInterrupt:
		m.quit = true
	case m.editing:
		m.edit(key)
	case m.page != list:
		m.turn(key)
	default:
		m.command(key)
	}
}

// edit changes the filter.
func (m *Model) edit(key string) {
	switch {
	case key == KeyEnter:
		m.editing = false
	case key == KeyEscape:
		m.editing, m.filter = false, ""
	case key == KeyBackspace:
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-n]
	case utf8.RuneCountInString(key) == 1 && len(m.filter) < 60:
		m.filter += printable(key)
	}
	m.arrange()
}

// turn moves on a page that is not the list, and leaves it.
func (m *Model) turn(key string) {
	switch key {
	case "q", KeyEscape, KeyEnter, KeyBackspace, "?":
		m.page, m.top = list, 0
	case KeyUp, "k":
		m.top--
	case KeyDown, "j":
		m.top++
	case KeyPageUp:
		m.top -= m.room()
	case KeyPageDown, " ":
		m.top += m.room()
	case KeyHome:
		m.top = 0
	}
	m.top = max(m.top, 0) // a frame knows the end
}

func (m *Model) command(key string) {
	switch key {
	case "q", KeyEscape:
		m.quit = true
	case "?":
		m.page, m.top = help, 0
	case "/":
		m.editing = true
	case " ":
		m.paused = !m.paused
	case "r":
		m.reverse = !m.reverse
	case KeyEnter:
		if m.index() >= 0 {
			m.page, m.top = detail, 0
		}
	case KeyUp, "k":
		m.move(-1)
	case KeyDown, "j":
		m.move(1)
	case KeyPageUp:
		m.move(-m.room())
	case KeyPageDown:
		m.move(m.room())
	case KeyHome:
		m.move(-len(m.shown))
	case KeyEnd:
		m.move(len(m.shown))
	default:
		m.order(key)
	}
	m.arrange()
}

// order sorts by the column whose key it is; a second time, the other way round.
func (m *Model) order(key string) {
	for i, c := range columns {
		if c.key == key {
			m.reverse = i == m.sort && !m.reverse
			m.sort = i
		}
	}
}

// move selects the session so many lines further down.
func (m *Model) move(lines int) {
	if len(m.shown) == 0 {
		return
	}
	i := min(max(max(m.index(), 0)+lines, 0), len(m.shown)-1)
	m.selected = keyOf(m.shown[i].Session)
}

package top

import (
	"context"
	"fmt"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/xbfd/xbfd/client"
)

// answerTime is how long one look waits for the daemon.
const answerTime = 10 * time.Second

// Look asks the daemon how it is.
func Look(ctx context.Context, c *client.Client) Snapshot {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var s Snapshot
	if s.Status, s.Err = c.Status(ctx); s.Err == nil {
		s.Sessions, s.Err = c.Sessions(ctx, client.Filter{})
	}
	s.At = time.Now()
	if s.Err != nil {
		return Snapshot{At: s.At, Err: s.Err}
	}
	return s
}

// Run shows m on a screen that is initialized until the person leaves or ctx
// ends, with a new look every so often. A daemon that is slow to answer is asked
// less often. With colors false nothing but the screen's own two are used.
func Run(ctx context.Context, screen tcell.Screen, c *client.Client, m *Model, every time.Duration, colors bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looks := make(chan Snapshot)
	go func() {
		for {
			s := Look(ctx, c)
			select {
			case looks <- s:
			case <-ctx.Done():
				return
			}
			select {
			case <-time.After(every):
			case <-ctx.Done():
				return
			}
		}
	}()
	events := make(chan tcell.Event)
	go screen.ChannelEvents(events, ctx.Done())
	m.Resize(screen.Size())
	for !m.Done() {
		draw(screen, m.Frame(), colors)
		select {
		case s := <-looks:
			m.Take(s)
		case e, open := <-events:
			if !open {
				return fmt.Errorf("read the keyboard: it is gone")
			}
			handle(screen, m, e)
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func handle(screen tcell.Screen, m *Model, e tcell.Event) {
	switch e := e.(type) {
	case *tcell.EventResize:
		m.Resize(e.Size())
		screen.Sync()
	case *tcell.EventKey:
		if name, known := keyNames[e.Key()]; known {
			m.Key(name)
		} else if e.Key() == tcell.KeyRune {
			m.Key(string(e.Rune()))
		}
	}
}

var keyNames = map[tcell.Key]string{
	tcell.KeyUp: KeyUp, tcell.KeyDown: KeyDown, tcell.KeyPgUp: KeyPageUp, tcell.KeyPgDn: KeyPageDown,
	tcell.KeyHome: KeyHome, tcell.KeyEnd: KeyEnd, tcell.KeyEnter: KeyEnter, tcell.KeyEscape: KeyEscape,
	tcell.KeyBackspace: KeyBackspace, tcell.KeyBackspace2: KeyBackspace, tcell.KeyCtrlC: KeyInterrupt,
}

func draw(screen tcell.Screen, f Frame, colors bool) {
	screen.Clear()
	for y, l := range f {
		x := 0
		for _, s := range l {
			look := attributes(s.Style, colors)
			for _, r := range s.Text {
				screen.SetContent(x, y, r, nil, look)
				x++
			}
		}
	}
	screen.Show()
}

func attributes(s Style, colors bool) tcell.Style {
	look := tcell.StyleDefault
	switch {
	case s == Heading || s == Marked:
		return look.Reverse(true)
	case s == Strong:
		return look.Bold(true)
	case s == Faint:
		return look.Dim(true)
	case s == Plain || !colors:
		return look
	case s == Good:
		return look.Foreground(tcell.ColorGreen)
	case s == Doubtful:
		return look.Foreground(tcell.ColorYellow)
	}
	return look.Foreground(tcell.ColorRed)
}

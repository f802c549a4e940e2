package top_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/top"
)

// terminal is a screen in memory with a view that runs on it.
type terminal struct {
	t *testing.T
	tcell.SimulationScreen
	ended chan error

	mu    sync.Mutex
	shown string // the text that it showed last
}

// Show keeps what is shown for the test, which may not read the screen meanwhile.
func (term *terminal) Show() {
	term.SimulationScreen.Show()
	var b strings.Builder
	cells, width, _ := term.GetContents()
	for i, c := range cells {
		if i%width == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(c.Runes))
	}
	term.mu.Lock()
	defer term.mu.Unlock()
	term.shown = b.String()
}

func open(t *testing.T, path string, colors bool) *terminal {
	t.Helper()
	term := &terminal{t: t, SimulationScreen: tcell.NewSimulationScreen("UTF-8"), ended: make(chan error, 1)}
	if err := term.Init(); err != nil {
		t.Fatal(err)
	}
	term.SetSize(100, 12)
	c := client.New(path)
	go func() {
		term.ended <- top.Run(t.Context(), term, c, top.New(top.Options{}), 10*time.Millisecond, colors)
	}()
	t.Cleanup(func() {
		term.Fini()
		c.Close()
	})
	return term
}

// sees waits until text is on the screen.
func (term *terminal) sees(text string) {
	term.t.Helper()
	var shown string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		term.mu.Lock()
		shown = term.shown
		term.mu.Unlock()
		if strings.Contains(shown, text) {
			return
		}
	}
	term.t.Fatalf("never saw %q but\n%s", text, shown)
}

// serve answers on path until the returned function is called.
func serve(t *testing.T, path string, b control.Backend) (stop func()) {
	t.Helper()
	l, err := control.Listen(config.Control{Path: path, Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(b, nil).Serve(ctx, net.Listener(l)) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// TestRun: a view survives that its daemon goes and comes back, and obeys keys.
func TestRun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "xbfd.sock")
	stop := serve(t, path, controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")))
	term := open(t, path, true)
	term.sees("192.0.2.1       eth0")
	stop()
	term.sees("no daemon answers")
	term.sees("192.0.2.1       eth0")
	defer serve(t, path, controltest.New(controltest.Up(12, "192.0.2.2", "192.0.2.9", "eth0")))()
	term.sees("192.0.2.2       eth0")
	term.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	term.sees("SESSION")
	term.InjectKey(tcell.KeyEscape, 0, tcell.ModNone)
	term.sees("1 by peer")
	term.SetSize(80, 24)
	term.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	select {
	case err := <-term.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("q does not quit")
	}
}

// TestColors: states have colours, and none where they are not wanted.
func TestColors(t *testing.T) {
	t.Parallel()
	path := controltest.Serve(t, controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")))
	for _, colors := range []bool{false, true} {
		term := open(t, path, colors)
		term.sees("192.0.2.1       eth0")
		term.InjectKey(tcell.KeyEscape, 0, tcell.ModNone)
		<-term.ended
		found := false
		cells, _, _ := term.GetContents()
		for _, c := range cells {
			foreground, _, _ := c.Style.Decompose()
			found = found || foreground != tcell.ColorDefault
		}
		if found != colors {
			t.Errorf("colors %v: found some %v", colors, found)
		}
	}
}

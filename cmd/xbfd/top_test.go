package main

import (
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/control/controltest"
)

func TestTop(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	text := transcript(t, backend(),
		"top --once --refresh 10ms",
		"top --once --refresh 10 --sort state --filter eth0",
		"top --once --sort size",
		"top --refresh 0",
		"top now",
	)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if before, _, found := strings.Cut(l, "UTC"); found {
			lines[i] = before[:strings.LastIndex(strings.TrimSpace(before), " ")] + " (time)"
		}
	}
	golden(t, "top", strings.Join(lines, "\n"))
}

func TestTopNeedsATerminal(t *testing.T) {
	t.Setenv("TERM", "")
	socket := controltest.Serve(t, backend())
	r := xbfd(env{}, "top --control "+socket)
	if r.status != exitFailed || !strings.HasPrefix(r.err, "xbfd: use the terminal: ") || !strings.HasSuffix(r.err, ": xbfd top --once needs none\n") {
		t.Errorf("%+v", r)
	}
	if r := xbfd(env{}, "top --once --control "+socket+".none"); r.status != exitNoDaemon {
		t.Errorf("%+v", r)
	}
}

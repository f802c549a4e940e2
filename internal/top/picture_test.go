package top_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/top"
)

// With -record a picture is taken of what a daemon on that socket shows; -update
// then draws it.
var record = flag.String("record", "", "record a frame of the daemon on this `socket` for the picture")

const (
	recorded = "testdata/picture.json"
	picture  = "../../docs/top.svg"
)

// TestPicture: the picture in the documents is a frame of a real daemon.
func TestPicture(t *testing.T) {
	if *record != "" {
		recordFrame(t, *record)
	}
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	var f top.Frame
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	drawn := svg(f)
	if *update {
		if err := os.WriteFile(picture, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), drawn); diff != "" {
		t.Errorf("%s (-want +got):\n%s", picture, diff)
	}
}

// recordFrame looks often enough for sparklines of some length.
func recordFrame(t *testing.T, socket string) {
	t.Helper()
	c := client.New(socket)
	defer c.Close()
	m := top.New(top.Options{Sort: "state"})
	m.Resize(100, 18)
	for range 30 {
		s := top.Look(t.Context(), c)
		if s.Err != nil {
			t.Fatal(s.Err)
		}
		m.Take(s)
		time.Sleep(time.Second)
	}
	m.Key(top.KeyEnd)
	text, err := json.Marshal(m.Frame())
	if err == nil {
		err = os.WriteFile(recorded, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The colours of a picture, and the size of a character in it.
const (
	paper, ink = "#1e1e1e", "#d4d4d4"
	wide, high = 8, 17
)

var inks = map[top.Style]string{
	top.Plain: ink, top.Faint: "#808080", top.Strong: "#ffffff", top.Heading: paper, top.Marked: paper,
	top.Good: "#6abf69", top.Doubtful: "#d7ba4a", top.Bad: "#e06c6c",
}

// word is what is drawn at its own place: renderers differ about spaces.
var word = regexp.MustCompile(`\S+`)

// svg draws a frame.
func svg(f top.Frame) string {
	var b strings.Builder
	width, height := utf8.RuneCountInString(f[0].String())*wide, len(f)*high
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="monospace" font-size="13">`+"\n", width+2*wide, height+high)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="6" fill="%s"/>`+"\n", paper)
	for y, l := range f {
		x := 1
		for _, s := range l {
			n := utf8.RuneCountInString(s.Text)
			above := y*high + high/2
			if s.Style == top.Heading || s.Style == top.Marked {
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x*wide, above, n*wide, high, ink)
			}
			for _, at := range word.FindAllStringIndex(s.Text, -1) {
				w := s.Text[at[0]:at[1]]
				fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
					(x+utf8.RuneCountInString(s.Text[:at[0]]))*wide, above+high-4, inks[s.Style], utf8.RuneCountInString(w)*wide, html.EscapeString(w))
			}
			x += n
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

package top_test

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/top"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var begin = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// session is one that is up at 10 ms x 3, seen so many seconds after begin.
func session(id uint32, peer string, second uint64) client.Session {
	least, silent := int64(18_250), uint64(2_000)
	return client.Session{
		Peer: netip.MustParseAddr(peer), Interface: "eth0", State: "up", LocalDiscriminator: id, Owner: "file",
		UptimeSeconds: float64(83 + second), DetectionTime: 30_000, LastRx: &silent,
		Counters: client.Counters{Tx: 1000 + 105*second, Rx: 5 + second, RxHeard: 1000 + 100*second, Up: 1},
		Margin:   client.Margin{Min: &least},
	}
}

// look is what a daemon says so many seconds after begin: four sessions, of which
// one is down, one is near its end, and one has a long address.
func look(second uint64) top.Snapshot {
	a, b := session(1, "192.0.2.1", second), session(2, "192.0.2.2", second)
	c, d := session(3, "192.0.2.3", second), session(4, "2001:db8:1111:2222:3333:4444:5555:6666", second)
	b.State, b.Margin.Min, b.LastRx, b.UptimeSeconds, b.DetectionTime = "down", nil, nil, 0, 0
	b.Counters = client.Counters{Tx: 100 + second, Down: 3}
	near, silent := int64(900), uint64(29_100)
	c.Margin.Min, c.Margin.NearMisses, c.LastRx, c.Counters.Down = &near, 1, &silent, 1
	d.Interface, d.Profile = "eth1", "fast"
	return top.Snapshot{
		At: begin.Add(time.Duration(second) * time.Second),
		Status: client.Status{
			Version: "v0.1.0", PID: 4242, Started: begin, UptimeSeconds: float64(3600 + second),
			Sessions: client.SessionCounts{Total: 4, Up: 3, Down: 1},
			Process:  client.Process{CPUSeconds: 10 + 0.12*float64(second), Memory: 18 << 20, GCCycles: 7, GCPause: 412},
			Workers:  []client.WorkerStatus{{Stalls: 2, LongestStall: 4_100}, {ID: 1, Stalls: 1, LongestStall: 1_200}},
		},
		Sessions: []client.Session{a, b, c, d},
	}
}

// watched is a Model after three looks.
func watched(o top.Options) *top.Model {
	m := top.New(o)
	for second := range uint64(3) {
		m.Take(look(second))
	}
	return m
}

func press(m *top.Model, keys ...string) *top.Model {
	for _, k := range keys {
		m.Key(k)
	}
	return m
}

// peers are the first words of the lines below the titles.
func peers(m *top.Model) (list []string) {
	for _, l := range strings.Split(m.Frame().String(), "\n")[5:23] {
		if words := strings.Fields(l); len(words) > 5 {
			list = append(list, words[0])
		}
	}
	return list
}

func TestFrames(t *testing.T) {
	detail := func(s *client.Session) string {
		return strings.Repeat("Line of "+s.Peer.String()+"\n", 30)
	}
	for name, m := range map[string]*top.Model{
		"list":    watched(top.Options{}),
		"detail":  press(watched(top.Options{Detail: detail}), "j", top.KeyEnter, top.KeyPageDown, top.KeyPageDown),
		"help":    press(watched(top.Options{}), "?"),
		"filter":  press(watched(top.Options{}), "/", "E", "t", "h", "0", " ", "u", "p"),
		"nothing": press(watched(top.Options{}), "/", "v", "x", "l", "a", "n", top.KeyEnter),
		"empty":   top.New(top.Options{}),
	} {
		f := m.Frame()
		if len(f) != 24 {
			t.Errorf("%s: %d lines", name, len(f))
		}
		for i, l := range f {
			if n := utf8.RuneCountInString(l.String()); n != 80 {
				t.Errorf("%s: line %d has %d columns: %q", name, i, n, l.String())
			}
		}
		golden(t, name+".txt", f.String())
	}
	m := watched(top.Options{Sort: "state"})
	m.Resize(120, 0)
	golden(t, "once.txt", m.Once().String())
	golden(t, "colors.txt", m.Once().ANSI())
}

func TestSort(t *testing.T) {
	const long = "2001:db8:1111:2222…"
	tests := []struct {
		keys string
		want []string
	}{
		{"", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", long}},
		{"p", []string{long, "192.0.2.3", "192.0.2.2", "192.0.2.1"}},
		{"r", []string{long, "192.0.2.3", "192.0.2.2", "192.0.2.1"}},
		{"s", []string{"192.0.2.2", "192.0.2.1", "192.0.2.3", long}},
		{"m", []string{"192.0.2.3", "192.0.2.1", long, "192.0.2.2"}},
		{"mm", []string{"192.0.2.2", "192.0.2.1", long, "192.0.2.3"}},
		{"n", []string{"192.0.2.3", "192.0.2.1", "192.0.2.2", long}},
		{"f", []string{"192.0.2.2", "192.0.2.3", "192.0.2.1", long}},
		{"t", []string{"192.0.2.1", "192.0.2.3", long, "192.0.2.2"}},
		{"x", []string{"192.0.2.1", "192.0.2.3", long, "192.0.2.2"}},
		{"u", []string{"192.0.2.2", "192.0.2.1", "192.0.2.3", long}},
		{"i", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", long}},
		{"ip", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", long}},
	}
	for _, tt := range tests {
		m := press(watched(top.Options{}), strings.Split(tt.keys, "")...)
		if diff := cmp.Diff(tt.want, peers(m)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.keys, diff)
		}
	}
}

// TestSelection: it stays on its session, whatever the order, and in sight.
func TestSelection(t *testing.T) {
	marked := func(m *top.Model) string {
		for _, l := range m.Frame() {
			if len(l) > 0 && l[0].Style == top.Marked {
				return strings.Fields(l.String())[0]
			}
		}
		return ""
	}
	m := watched(top.Options{})
	steps := []struct{ key, want string }{
		{"k", "192.0.2.1"}, {"j", "192.0.2.2"}, {top.KeyDown, "192.0.2.3"}, {"p", "192.0.2.3"}, {"j", "192.0.2.2"},
		{top.KeyEnd, "192.0.2.1"}, {top.KeyHome, "2001:db8:1111:2222…"}, {top.KeyPageDown, "192.0.2.1"}, {top.KeyPageUp, "2001:db8:1111:2222…"},
	}
	for _, s := range steps {
		if press(m, s.key); marked(m) != s.want {
			t.Fatalf("after %s: %s, want %s", s.key, marked(m), s.want)
		}
	}
	many := look(0)
	for i := range uint32(100) {
		many.Sessions = append(many.Sessions, session(100+i, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String(), 0))
	}
	m = top.New(top.Options{})
	m.Take(many)
	if press(m, top.KeyPageDown, top.KeyPageDown, "j"); marked(m) != "10.0.0.37" {
		t.Errorf("two pages and a line down: %s", marked(m))
	}
	m.Resize(80, 8)
	if marked(m) != "10.0.0.37" {
		t.Errorf("on a low screen: %s", marked(m))
	}
}

// TestRestart: the last answer stays while there is none, and another daemon's
// counters make no rates of the old one's.
func TestRestart(t *testing.T) {
	m := watched(top.Options{})
	m.Take(top.Snapshot{At: begin.Add(7 * time.Second), Err: errors.New("no daemon answers on /run/xbfd.sock")})
	if text := m.Frame().String(); !strings.Contains(text, "no answer for 5s, waiting: no daemon") || len(peers(m)) != 4 {
		t.Errorf("while it is away:\n%s", text)
	}
	again := look(0)
	again.At, again.Status.PID = begin.Add(9*time.Second), 5555
	m.Take(again)
	if text := m.Frame().String(); !strings.Contains(text, "process 5555") || !strings.Contains(text, "packets/s in 0, out 0, heard by XDP 0    processors 0.00") {
		t.Errorf("when it is back:\n%s", text)
	}
	cleared := look(1)
	cleared.At, cleared.Status.PID = begin.Add(10*time.Second), 5555
	cleared.Sessions[0].Counters = client.Counters{Tx: 40}
	m.Take(cleared)
	if text := m.Frame().String(); !strings.Contains(text, "out 251,") { // 40 + 1 + 2 x 105
		t.Errorf("after counters were cleared:\n%s", text)
	}
}

func TestKeys(t *testing.T) {
	m := watched(top.Options{Filter: "eth1"})
	if got := peers(m); len(got) != 1 {
		t.Errorf("filter given: %v", got)
	}
	if press(m, "/", top.KeyBackspace, "0", top.KeyEnter); len(peers(m)) != 3 {
		t.Errorf("filter changed: %v", peers(m))
	}
	if press(m, "/", top.KeyEscape); len(peers(m)) != 4 || m.Done() {
		t.Errorf("filter cleared: %v", peers(m))
	}
	press(m, " ")
	m.Take(look(9))
	if text := m.Frame().String(); !strings.Contains(text, "up 1h00m  paused") {
		t.Errorf("paused:\n%s", text)
	}
	gone := look(10)
	gone.Sessions = gone.Sessions[:1]
	press(m, " ", top.KeyEnd, top.KeyEnter)
	m.Take(gone)
	if text := m.Frame().String(); !strings.Contains(text, "the session is gone") {
		t.Errorf("in full, but deleted:\n%s", text)
	}
	if press(m, "q"); m.Done() || len(peers(m)) != 1 {
		t.Error("q left more than the page")
	}
	for _, key := range []string{"q", top.KeyEscape, top.KeyInterrupt} {
		if !press(watched(top.Options{}), key).Done() {
			t.Errorf("%s does not quit", key)
		}
	}
	if !press(watched(top.Options{}), "/", top.KeyInterrupt).Done() {
		t.Error("ctrl-c does not quit while a filter is typed")
	}
}

// TestWaiting: sessions that do not run have no discriminator, and are shown.
func TestWaiting(t *testing.T) {
	s := look(0)
	for i := range 2 {
		s.Sessions[i].LocalDiscriminator, s.Sessions[i].State = 0, "down"
	}
	m := top.New(top.Options{})
	m.Take(s)
	if got := peers(m); len(got) != 4 {
		t.Errorf("shown: %v", got)
	}
	m.Key(top.KeyDown)
	m.Key(top.KeyEnter)
	if text := m.Frame().String(); strings.Contains(text, "gone") {
		t.Errorf("in full:\n%s", text)
	}
}

// TestHostile: what a daemon says moves no cursor, and no size breaks a frame.
func TestHostile(t *testing.T) {
	s := look(0)
	s.Sessions[0].Interface, s.Status.Version = "e\x1b[2J\x9b", "v\r\n1"
	for _, width := range []int{-1, 0, 20, 79, 81, 200} {
		m := top.New(top.Options{Detail: func(s *client.Session) string { return s.Interface }})
		m.Resize(width, width/4)
		m.Take(s)
		for range 2 {
			if text := m.Frame().String(); strings.ContainsAny(text, "\x1b\r\u009b") {
				t.Errorf("width %d: %q", width, text)
			}
			m.Key(top.KeyEnter)
		}
	}
}

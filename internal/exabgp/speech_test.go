package exabgp

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
)

func TestCommand(t *testing.T) {
	plain := config.ExaBGPRoute{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: "self"}
	full := config.ExaBGPRoute{
		Prefix: netip.MustParsePrefix("2001:db8::/32"), NextHop: "2001:db8::9", Attributes: "med 100",
		Neighbors: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
	}
	for _, c := range []struct {
		t    told
		r    config.ExaBGPRoute
		want string
	}{
		{announced, plain, "announce route 198.51.100.0/24 next-hop self\n"},
		{withdrawn, plain, "withdraw route 198.51.100.0/24 next-hop self\n"},
		{announced, full, "neighbor 192.0.2.1, neighbor 2001:db8::1 announce route 2001:db8::/32 next-hop 2001:db8::9 med 100\n"},
	} {
		if diff := cmp.Diff(c.want, command(c.t, &c.r)); diff != "" {
			t.Error(diff)
		}
	}
}

// said are lines of ExaBGP 4.2's encoders, and of 5's.
var said = map[string]answer{
	"done": done, "error": refusal, "shutdown 812 811": shutdown, " done ": done,
	"": other, "neighbor 192.0.2.2 up": other, "done with it": other, "{": other, "[1]": other, "null": other,
	`{ "exabgp": "4.0.1", "type": "notification", "notification": "shutdown"}`:   shutdown,
	`{ "exabgp": "4.0.1", "type": "state", "neighbor": {"state": "up"} }`:        other,
	`{ "exabgp": "4.0.1", "type": "notification", "notification": {"code": 6} }`: other,
	`{"answer": "done", "message": "command completed"}`:                         done,
	`{"answer": "error", "message": "this command is not understood"}`:           refusal,
}

func TestUnderstand(t *testing.T) {
	for line, want := range said {
		if got := understand(line); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

// TestListen: lines that are longer than any answer are passed over whole.
func TestListen(t *testing.T) {
	to := make(chan answer, 8)
	listen(strings.NewReader("done\n"+strings.Repeat("done", maxLine)+" done\nerror\n\ndone"), to, nil)
	var got []answer
	for a := range to {
		got = append(got, a)
	}
	if diff := cmp.Diff([]answer{done, refusal, done}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzListen: nothing that ExaBGP may write stops or confuses the listener: there is
// at most one answer a line.
func FuzzListen(f *testing.F) {
	for line := range said {
		f.Add(line + "\n" + line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to := make(chan answer, strings.Count(text, "\n")+1)
		listen(strings.NewReader(text), to, nil)
	})
}

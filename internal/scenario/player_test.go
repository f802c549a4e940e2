package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVPPList holds the directory to VPP's list: 53 cases, numbered without a gap.
func TestVPPList(t *testing.T) {
	paths, err := filepath.Glob("testdata/vpp/*.txt")
	if err != nil || len(paths) != 53 {
		t.Fatalf("%d cases (%v), want 53", len(paths), err)
	}
	for i, path := range paths {
		if number := fmt.Sprintf("%02d_", i+1); !strings.HasPrefix(filepath.Base(path), number) {
			t.Errorf("%s stands where %s… should", path, number)
		}
	}
}

// played reads and plays a script made of lines.
func played(lines ...string) string {
	sc, err := parseScript("x.txt", strings.Join(lines, "\n"))
	if err != nil {
		return err.Error()
	}
	return joined(playOnce(sc, variant{workers: 1}, false))
}

// TestUnreadable has scripts that cannot be played: none may pass.
func TestUnreadable(t *testing.T) {
	const expectation = "1s expect session state=down"
	for _, c := range []struct {
		line, want string
	}{
		{"1s D dances", `x.txt:2: D cannot "dances"`},
		{"1s T sings", `x.txt:2: T cannot "sings"`},
		{"1s X says state=up", `x.txt:2: nobody here is called "X"`},
		{"1s", "x.txt:2: an instant, somebody and what happens are wanted"},
		{"soon D polls", `x.txt:2: "soon" is no duration`},
		{"also: workers", "x.txt:2: also: what? only multihop can be"},
		{"limits: patience=3", `x.txt:2: "patience" is not understood`},
		{"key k rot13 secret", `x.txt:2: there is no type of key "rot13"`},
		{"D: colour=red", "x.txt:2: colour: there is no such setting"},
		{"D: tx=300", `x.txt:2: tx: "300" is no duration`},
		{"1s D set tx=2h", `x.txt:2: tx: "2h" does not fit a packet`},
		{"1s D set passive=maybe", `x.txt:2: passive: "maybe" is neither yes nor no`},
		{"1s T says state=sideways", `x.txt:2: state: there is no state "sideways"`},
		{"1s T says mult=256", `x.txt:2: mult: "256" is no number of 8 bits`},
		{"1s T sends key=k", `x.txt:2: key: there is no key "k"`},
		{"1s T loops shape=round", "x.txt:2: shape: a packet has no such field"},
		{"1s T talks every=1s loudly", `x.txt:2: "loudly" is not understood`},
		{"1s expect weather is=fine", `x.txt:2: nothing can be expected of "weather"`},
		{"1s expect session", "x.txt:2: expect session: nothing is compared"},
		{"1s expect session mood=good", "x.txt:2: session mood: there is no such name"},
		{"1s expect D9 session state=up", `x.txt:2: "D9" is not understood`},
		{"1s expect packets n=many", `x.txt:2: packets n: "many" is no number`},
		{"1s expect session detection=3", `x.txt:2: session detection: "3" is no duration`},
		{"1s D add", "x.txt:3: the act before this"},
	} {
		got := played("# A heading.", c.line, expectation, "2s D polls")
		if c.line == "1s D add" {
			got = played("# A heading.", c.line, "1s D polls", expectation)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestShowsNothing(t *testing.T) {
	if got, want := played("# A heading.", "1s D polls"), "x.txt: nothing is expected"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := played("D:", "1s expect session state=down"), "x.txt:1: a sentence that says what this shows is wanted"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := played("# A heading.", "2s D polls", "1s expect session state=down"), "x.txt:3: 1s is before the line above"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// wrong is a script in which one expectation after the other does not hold.
var wrong = []string{
	"# A heading.", "",
	"0     T talks",
	"3s    expect session  state=down  diag=none   # aligned",
	"3s    expect session detection=1s..2s",
	"3s    expect last state=up tx=3s",
	"3s    T silent",
	"3s    expect looped same=yes",
	"5s    expect packets finals=3",
	"+1s   expect events list=none",
	"",
}

func TestDifferences(t *testing.T) {
	want := strings.Join([]string{
		"x.txt:4: session state is up, want down",
		"x.txt:5: session detection is 900ms, want 1s..2s",
		"x.txt:6: last tx is 300ms, want 3s",
		"x.txt:8: looped same: none was sent since the latest act",
		"x.txt:9: packets finals is 0, want 3",
		"x.txt:10: events list is down/control-expiry, want none",
	}, "\n")
	if diff := cmp.Diff(want, played(wrong...)); diff != "" {
		t.Error(diff)
	}
}

// TestUpdate has the same script rewritten: what holds stays as it is, and then
// everything holds that can.
func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(path, []byte(strings.Join(wrong, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	sc, err := readScript(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := joined(playOnce(sc, variant{workers: 1}, true)), path+":8: looped same: none was sent since the latest act"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := sc.write(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for i, want := range map[int]string{
		3: "3s    expect session  state=up  diag=none   # aligned",
		4: "3s    expect session detection=900ms",
		5: "3s    expect last state=up tx=300ms",
		7: wrong[7],
		8: "5s    expect packets finals=0",
		9: "+1s   expect events list=down/control-expiry",
	} {
		if lines[i] != want {
			t.Errorf("line %d: %q, want %q", i+1, lines[i], want)
		}
	}
	if got, want := played(lines...), "x.txt:8: looped same: none was sent since the latest act"; got != want {
		t.Errorf("played again: %q, want %q", got, want)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		v       seen
		text    string
		meets   string
		differs string
	}{
		{word("up"), "up", "up", "down"},
		{yesNo(true), "yes", "yes", "no"},
		{count(7), "7", "7", "8"},
		{count(7), "7", "5..7", "8..9"},
		{count(7), "7", "7..", "8.."},
		{nanoseconds(0), "0", "0", "1ns"},
		{nanoseconds(900_000_000), "900ms", "0.9s", "901ms"},
		{interval(3_300), "3.3ms", "3300us", "3301us"},
		{span(1_234_567, 2_000_001), "1.234ms..2.001ms", "1.234ms..2.001ms", "1.235ms..2.001ms"},
		{span(1_234_567, 2_000_001), "1.234ms..2.001ms", "1ms..", "1ms..2ms"},
		{span(5, 7), "5ns..7ns", "5ns..7ns", "5ns"},
	} {
		if got := c.v.String(); got != c.text {
			t.Errorf("%v, want %s", got, c.text)
		}
		for want, holds := range map[string]bool{c.meets: true, c.differs: false} {
			if got, err := c.v.meets(want); got != holds || err != nil {
				t.Errorf("%v meets %s: %v (%v), want %v", c.v, want, got, err, holds)
			}
		}
	}
	if _, err := span(1, 2).meets("1..2"); err == nil {
		t.Error("a duration without a unit is taken")
	}
}

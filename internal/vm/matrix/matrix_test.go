package matrix

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample has each kind of outcome.
func sample(t *testing.T) Matrix {
	t.Helper()
	var text []byte
	for _, c := range []Cell{
		{Place{"6.12", "veth", Plain}, Transport, Yes("xdp-native")},
		{Place{"6.12", "veth", Plain}, Up, Given("on one foot")},
		{Place{"6.1", "virtio_net", VLAN}, Transport, Instead("udp", "two tags, as configured")},
		{Place{"6.1", "virtio_net", VLAN}, Heard, No("no XDP program")},
		{Place{"6.1", "veth", Plain}, Up, Yes("")},
		{Place{"6.1", "veth", Plain}, Heard, No("no XDP program")},
	} {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	m := Matrix{}
	if err := m.Add(text); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRender(t *testing.T) {
	got := sample(t).Render()
	_, got, _ = strings.Cut(got, "\n\n## ")
	want := `Linux 6.1

| driver | device | transport | heard | insurance | live transmit | up | detected in |
|---|---|---|---|---|---|---|---|
| veth | plain | | refused [1] | | | works | |
| virtio_net | VLAN | falls back to udp [2] | refused [1] | | | | |

## Linux 6.12

| driver | device | transport | heard | insurance | live transmit | up | detected in |
|---|---|---|---|---|---|---|---|
| veth | plain | works: xdp-native | | | | works [3] | |

## Reasons

1. no XDP program
2. two tags, as configured
3. on one foot
`
	if diff := cmp.Diff(want, strings.TrimPrefix(got, "\n")); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	m := sample(t)
	back, err := Parse(m.Render())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, text := range []string{
		"## Linux 6.1\n| veth | plain | maybe | | | | | |\n",
		"## Linux 6.1\n| veth | plain | refused [7] | | | | | |\n",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("## Linux 6.1\n| veth | plain | works: x | | | refused [1] | | |\n1. because\n")
	f.Fuzz(func(t *testing.T, text string) { _, _ = Parse(text) })
}

func TestAddRefuses(t *testing.T) {
	for _, text := range []string{
		"no JSON",
		`{"Device":"plain","Feature":"up","Grade":"splendid"}`,
		`{"Device":"plane","Feature":"up","Grade":"works"}`,
		`{"Device":"plain","Feature":"down","Grade":"works"}`,
		`{"Device":"plain","Feature":"up","Grade":"works"}` + "\n" + `{"Device":"plain","Feature":"up","Grade":"works"}`,
	} {
		if err := (Matrix{}).Add([]byte(text)); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
}

func TestUntested(t *testing.T) {
	m := sample(t)
	if n := len(m.Untested([]Place{{"6.1", "veth", Plain}})); n != len(Features)-2 {
		t.Errorf("%d cells untested", n)
	}
	if n := len(m.Untested([]Place{{"6.1", "veth", VRF}})); n != len(Features) {
		t.Errorf("%d cells of a row untested of which nobody spoke", n)
	}
}

func TestCompare(t *testing.T) {
	place := Place{"6.1", "veth", Plain}
	for _, tt := range []struct {
		name     string
		was, now Outcome
		differs  bool
		worse    bool
	}{
		{"same", Yes("xdp-native"), Yes("xdp-native"), false, false},
		{"refused now", Yes(""), No("gone"), true, true},
		{"works now", Instead("udp", "old"), Yes("xdp-native"), true, false},
		{"another reason", No("this"), No("that"), true, false},
		{"a lower transport", Instead("xdp-generic", "x"), Instead("udp", "x"), true, true},
		{"a higher transport", Yes("xdp-native"), Yes("xdp-zerocopy"), true, false},
	} {
		diff := Matrix{place: {Transport: tt.now}}.Compare(Matrix{place: {Transport: tt.was}})
		if (len(diff) == 1) != tt.differs || tt.differs && diff[0].Worse != tt.worse {
			t.Errorf("%s: %v", tt.name, diff)
		}
	}
	m := sample(t)
	if n := len(m.Compare(m)); n != 0 {
		t.Errorf("%d cells differ from themselves", n)
	}
	diff := Matrix{}.Compare(Matrix{place: {Up: Yes("")}})
	if len(diff) != 1 || !diff[0].Worse || !strings.Contains(diff[0].String(), "is worse") {
		t.Errorf("a row that is gone: %v", diff)
	}
}

func TestSeries(t *testing.T) {
	if s := Series("6.12.117+deb12-cloud-amd64"); s != "6.12" {
		t.Errorf("series %q", s)
	}
	if compareSeries("6.1", "6.12") >= 0 || compareSeries("6.2", "6.12") >= 0 || compareSeries("6.12", "6.12") != 0 {
		t.Error("series are not in order")
	}
}

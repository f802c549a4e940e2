package vm

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

func TestListen(t *testing.T) {
	said := []plan.Message{
		{Hello: &plan.Hello{Kernel: "6.1.0"}},
		{Output: &plan.Output{Test: "bpf", Text: []byte("µ\n")}},
		{Exit: &plan.Exit{Test: "bpf", Error: "exit status 1"}},
		{Done: true},
	}
	var text bytes.Buffer
	for _, m := range said {
		if err := json.NewEncoder(&text).Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, text string
		done       bool
		heard      int
		fault      string
	}{
		{"all", text.String(), true, 4, ""},
		{"died in a line", text.String()[:text.Len()-5], false, 3, ""},
		{"nothing", "", false, 0, ""},
		{"no message", "Kernel panic\n", false, 0, "understand the guest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var heard []plan.Message
			done, err := listen(strings.NewReader(tt.text), func(m plan.Message) { heard = append(heard, m) })
			if done != tt.done || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("done %v, error %v", done, err)
			}
			if diff := cmp.Diff(said[:tt.heard], heard, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzListen(f *testing.F) {
	f.Add([]byte(`{"Done":true}` + "\n"))
	f.Add([]byte(`{"File":{"Name":"cells","Text":"eA=="}}` + "\n" + `{"Out`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = listen(bytes.NewReader(text), func(plan.Message) {})
	})
}

func TestVerdict(t *testing.T) {
	var out bytes.Buffer
	verdict(&out, "Matrix", nil)
	verdict(&out, "Guest/6.1", errors.New("it died"))
	want := `{"Action":"pass","Package":"vm","Test":"Matrix","Output":""}
{"Action":"output","Package":"vm","Test":"Guest/6.1","Output":"it died\n"}
{"Action":"fail","Package":"vm","Test":"Guest/6.1","Output":""}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Every pair of cards gets addresses and names of its own.
func TestCards(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range Guests {
		clear(seen)
		for n, pair := range g.Cards {
			for _, a := range pair.args(n) {
				if a != "-netdev" && a != "-device" && seen[a] {
					t.Errorf("guest %s: %s twice", g.Name, a)
				}
				seen[a] = true
			}
		}
	}
}

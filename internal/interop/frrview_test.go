package interop

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
)

// masks hide the values that two daemons need not have in common, and nothing
// else: not the state, nor what separates one value from the next.
var masks = []struct {
	value *regexp.Regexp
	as    string
}{
	{regexp.MustCompile(`("(?:peer|local|vrf|interface|diagnostic|remote-diagnostic)":)"[^"]+"`), `$1"S"`},
	{regexp.MustCompile(`(":)-?[0-9]+`), `${1}0`},
	{regexp.MustCompile(`(peer|local-address|vrf|interface) \S+`), "$1 X"},
	{regexp.MustCompile(`([dD]iagnostics:) [a-z][a-z ]+`), "$1 D"},
	{regexp.MustCompile(`time: ([0-9]+ (minute|hour)\(s\), )?[0-9]+ second\(s\)`), "time: T"},
	{regexp.MustCompile(`(interval:) (disabled|[0-9]+ms)`), "$1 I"},
	{regexp.MustCompile(`: [0-9]+`), ": 0"},
	{regexp.MustCompile(`[0-9]+/[0-9]+/[0-9]+`), "0/0/0"},
}

func masked(text string) string {
	for _, m := range masks {
		text = m.value.ReplaceAllString(text, m.as)
	}
	return text
}

// TestFRRView compares what bfdd and xbfd say of one session of each kind.
func TestFRRView(t *testing.T) {
	t.Parallel()
	bed := startViewBed(t)
	for name, k := range bed.kinds {
		for _, more := range []string{"", " json", " counters", " counters json"} {
			var got [2]string
			for i, who := range []string{"frr", "xbfd"} {
				text, code := bed.answer(t, who, "show bfd "+k.at(who).frr()+more)
				if code != 0 {
					t.Errorf("%s, %s%s: status %d", who, name, more, code)
				}
				got[i] = masked(text)
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("%s%s (-FRR +xbfd):\n%s", name, more, diff)
			}
		}
	}
	for peer, role := range map[netip.Addr]string{bed.kinds["passive"].xbfd.peer: "passive", bed.kinds["up"].xbfd.peer: "active"} {
		if got := bed.xbfd.session(t, peer).Role; got != role {
			t.Errorf("role of the session with %v: %s, want %s", peer, got, role)
		}
	}
	rows.Covers(t, "9468-3-01")
	bed.lists(t)
	bed.mirror(t)
	bed.same(t)
	bed.clear(t)
}

// lists compares the commands about all sessions. FRR has them in the order of a
// hash table, so each daemon's answer is taken apart and sorted by kind.
func (bed *viewBed) lists(t *testing.T) {
	t.Helper()
	for command, part := range map[string]*regexp.Regexp{
		"show bfd peers":               regexp.MustCompile(`(?s)\tpeer .*?\n\n`),
		"show bfd peers counters":      regexp.MustCompile(`(?s)\tpeer .*?\n\n`),
		"show bfd peers json":          regexp.MustCompile(`(?s)  \{\n.*?\n  \}`),
		"show bfd peers brief json":    regexp.MustCompile(`(?s)  \{\n.*?\n  \}`),
		"show bfd peers counters json": regexp.MustCompile(`(?s)  \{\n.*?\n  \}`),
		"show bfd peers brief":         regexp.MustCompile(`(?m)^[0-9]+ +\S+ +\S+ +\S+ *\n`),
	} {
		var got [2]map[string]string
		for i, who := range []string{"frr", "xbfd"} {
			text, code := bed.answer(t, who, command)
			if code != 0 {
				t.Errorf("%s, %s: status %d", who, command, code)
			}
			got[i] = map[string]string{"around": part.ReplaceAllString(text, "PART")}
			for _, p := range part.FindAllString(text, -1) {
				for name, k := range bed.kinds {
					if regexp.MustCompile(`(?m)(peer"?[: ]"?| )` + regexp.QuoteMeta(k.at(who).peer.String()) + `["\s]`).MatchString(p) {
						got[i][name] = masked(p)
						if strings.HasSuffix(command, "brief") {
							got[i][name] = columns.ReplaceAllStringFunc(p, func(w string) string { return strings.Repeat("x", len(w)) })
						}
					}
				}
			}
		}
		if len(got[0]) != len(bed.kinds)+1 {
			t.Errorf("%s: FRR shows %d parts: %v", command, len(got[0]), got[0])
		}
		if diff := cmp.Diff(got[0], got[1]); diff != "" {
			t.Errorf("%s (-FRR +xbfd):\n%s", command, diff)
		}
	}
}

// columns are the values before the last in the brief list, each with its padding.
var columns = regexp.MustCompile(`[0-9a-f.:]+ +`)

// mirror checks that what one end calls its own the other calls remote.
func (bed *viewBed) mirror(t *testing.T) {
	t.Helper()
	for _, name := range []string{"up", "ipv6"} {
		k := bed.kinds[name]
		theirs, ours := bed.object(t, "frr", k, ""), bed.object(t, "xbfd", k, "")
		for local, remote := range map[string]string{
			"id": "remote-id", "receive-interval": "remote-receive-interval", "transmit-interval": "remote-transmit-interval",
			"detect-multiplier": "remote-detect-multiplier", "peer": "local", "echo-receive-interval": "remote-echo-receive-interval",
		} {
			if theirs[local] != ours[remote] || local != "echo-receive-interval" && theirs[remote] != ours[local] {
				t.Errorf("%s: %s and %s: FRR has %v, %v, xbfd %v, %v", name, local, remote, theirs[local], theirs[remote], ours[local], ours[remote])
			}
		}
	}
	eventually(t, patience, "echo has round trip times at both ends", func() bool {
		k := bed.kinds["echo"]
		return bed.object(t, "xbfd", k, "")["rtt-max"].(float64) > 0 && bed.object(t, "frr", k, "")["rtt-max"].(float64) > 0
	})
}

// same compares what must be equal to the last byte.
func (bed *viewBed) same(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"show bfd vrf none peers", "show bfd vrf none peers json", "show bfd vrf none peers counters",
		"show bfd vrf none peers counters json", "show bfd vrf none peers brief json", "show bfd distributed",
		"show bfd peer 198.51.100.1", "show bfd peer 198.51.100.1 json", "show bfd peer 198.51.100.1 counters",
		"show bfd peer 198.51.100.1 interface eth9 local-address 198.51.100.2 json",
		"show bfd vrf none peer 198.51.100.1 multihop local-address 198.51.100.2", "show bfd peer router",
		"clear bfd peer 198.51.100.1 counters", "clear bfd peer router counters",
	} {
		theirs, code := bed.answer(t, "frr", command)
		ours, ourCode := bed.answer(t, "xbfd", command)
		if diff := cmp.Diff(theirs, ours); diff != "" || code != ourCode {
			t.Errorf("%s: status %d and %d (-FRR +xbfd):\n%s", command, code, ourCode, diff)
		}
	}
}

// clear starts the counters of packets again, at either daemon alike.
func (bed *viewBed) clear(t *testing.T) {
	t.Helper()
	k := bed.kinds["up"]
	packets := func(who string) float64 { return bed.object(t, who, k, " counters")["control-packet-input"].(float64) }
	for who, commands := range map[string][]string{
		"frr":  {"clear bfd peer " + k.frr.peer.String() + " counters"},
		"xbfd": {"clear bfd peer " + k.xbfd.peer.String() + " counters", "clear bfd peers counters"},
	} {
		for _, command := range commands {
			eventually(t, patience, "many packets", func() bool { return packets(who) > 30 })
			before, ups := packets(who), bed.object(t, who, k, " counters")["session-up"]
			text, code := bed.answer(t, who, command)
			if got := bed.object(t, who, k, " counters")["session-up"]; got != ups || ups.(float64) == 0 {
				t.Errorf("%s, %s: went up %v times, and before %v", who, command, got, ups)
			}
			if after := packets(who); text != "" || code != 0 || after >= before {
				t.Errorf("%s, %s: status %d, %q, and %v packets after %v", who, command, code, text, after, before)
			}
		}
	}
}

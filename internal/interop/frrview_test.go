package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
)

const viewInterval = 100 * time.Millisecond

// viewed is a kind of session as each of the two daemons has one of it. The peers
// need not be each other: only one end of a session can be the passive one.
type viewed struct {
	status     string // in FRR's JSON
	frr, xbfd  netip.Addr
	frrCommand string // that makes FRR's one of the kind
	xbfdKeys   string // likewise
	multihop   bool
}

// viewBed is bfdd and xbfd with a session of each kind.
type viewBed struct {
	frr   *frr
	xbfd  *daemon
	kinds map[string]*viewed
}

// args returns what names one session in FRR's words.
func (k *viewed) args(peer netip.Addr) string {
	if k.multihop {
		// FRR needs the local address as well; in this bed it is 40 lower or higher.
		return fmt.Sprintf("%s multihop local-address %s", peer, opposite(peer))
	}
	return peer.String()
}

// opposite is the other address of a pair: those of a are 192.0.2.20 and up,
// those of b 40 higher.
func opposite(addr netip.Addr) netip.Addr {
	four := addr.As4()
	if four[3] >= 60 {
		four[3] -= 40
	} else {
		four[3] += 40
	}
	return netip.AddrFrom4(four)
}

func startViewBed(t *testing.T) *viewBed {
	t.Helper()
	a, b := newLink(t)
	b.forward(t, true)
	next := 0
	ends := func() (atA, atB netip.Addr) {
		atA, atB = netip.AddrFrom4([4]byte{192, 0, 2, byte(20 + next)}), netip.AddrFrom4([4]byte{192, 0, 2, byte(60 + next)})
		next++
		a.AddAddr(t, a.ifname, atA.String()+"/24")
		b.AddAddr(t, b.ifname, atB.String()+"/24")
		return atA, atB
	}
	bed := &viewBed{kinds: map[string]*viewed{
		"up":       {status: "up"},
		"multihop": {status: "up", multihop: true, frrCommand: "minimum-ttl 250", xbfdKeys: ", minimum-ttl: 250"},
		"echo":     {status: "up", frrCommand: "echo-mode", xbfdKeys: ", echo-mode: true"},
		"ipv6":     {status: "up", frr: a.v6, xbfd: b.v6},
		"passive":  {status: "up", frrCommand: "passive-mode", xbfdKeys: ", passive-mode: true"},
		"down":     {status: "down"},
		"shutdown": {status: "shutdown", frrCommand: "shutdown", xbfdKeys: ", shutdown: true"},
	}}
	speech := speech{interval: viewInterval, mult: mult}
	commands := make(map[pairing]string)
	config := echoSources + "shutdown-hold: 500ms\npeers:\n"
	atFRR := func(k *viewed, atA, atB netip.Addr, command string) {
		p := pairing{local: atB, peer: atA, multihop: k.multihop, ifname: b.ifname}
		speech.sessions, commands[p] = append(speech.sessions, p), command
	}
	atXBFD := func(k *viewed, atA, atB netip.Addr, keys string) {
		if k.multihop {
			keys += ", multihop: true"
		} else {
			keys += ", interface: " + a.ifname
		}
		config += fmt.Sprintf("  - {peer: %q, local-address: %q, transmit-interval: %v, receive-interval: %[3]v, detect-multiplier: %d%s}\n",
			atB, atA, viewInterval, mult, keys)
	}
	for name, k := range bed.kinds {
		atA, atB := k.frr, k.xbfd
		if !atA.IsValid() {
			atA, atB = ends()
		}
		switch name {
		case "passive", "down", "shutdown":
			// One pair for FRR's session of the kind, another for ours.
			otherA, otherB := ends()
			k.frr, k.xbfd = atA, otherB
			atFRR(k, atA, atB, k.frrCommand)
			atXBFD(k, otherA, otherB, k.xbfdKeys)
			if name == "passive" {
				atXBFD(k, atA, atB, "")
				atFRR(k, otherA, otherB, "")
			}
		default:
			k.frr, k.xbfd = atA, atB
			atFRR(k, atA, atB, k.frrCommand)
			atXBFD(k, atA, atB, k.xbfdKeys)
		}
	}
	bed.xbfd = start(t, a, config)
	bed.frr = startFRR(t, b, speech)
	for p, command := range commands {
		if command != "" {
			bed.frr.configure(t, p, command)
		}
	}
	for name, k := range bed.kinds {
		eventually(t, patience, name+" is "+k.status+" at both ends", func() bool {
			return bed.status(t, "frr", k) == k.status && bed.status(t, "xbfd", k) == k.status
		})
	}
	return bed
}

// answer returns what one of the two says to a command of FRR's.
func (bed *viewBed) answer(t testing.TB, who, command string) (text string, code int) {
	t.Helper()
	if who == "xbfd" {
		r := bed.xbfd.ctl(t, "frr", "-c", command)
		return r.stdout, r.code
	}
	c := exec.Command("vtysh", "--vty_socket", bed.frr.dir, "-d", "bfdd", "-c", command)
	out, _ := c.CombinedOutput()
	return string(out), c.ProcessState.ExitCode()
}

func (k *viewed) peerOf(who string) netip.Addr {
	if who == "xbfd" {
		return k.xbfd
	}
	return k.frr
}

// object returns the values of one session.
func (bed *viewBed) object(t testing.TB, who string, k *viewed, more string) (m map[string]any) {
	t.Helper()
	text, _ := bed.answer(t, who, "show bfd peer "+k.args(k.peerOf(who))+more+" json")
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v\n%s", who, err, text)
	}
	return m
}

func (bed *viewBed) status(t testing.TB, who string, k *viewed) string {
	t.Helper()
	s, _ := bed.object(t, who, k, "")["status"].(string)
	return s
}

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
				text, code := bed.answer(t, who, "show bfd peer "+k.args(k.peerOf(who))+more)
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
	for peer, role := range map[netip.Addr]string{bed.kinds["passive"].xbfd: "passive", bed.kinds["up"].xbfd: "active"} {
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
					if regexp.MustCompile(`(?m)(peer"?[: ]"?| )` + regexp.QuoteMeta(k.peerOf(who).String()) + `["\s]`).MatchString(p) {
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
	if rtt := bed.object(t, "xbfd", bed.kinds["echo"], "")["rtt-max"].(float64); rtt == 0 {
		t.Error("echo has no round trip time")
	}
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
	for who, commands := range map[string][]string{
		"frr":  {"clear bfd peer " + k.frr.String() + " counters"},
		"xbfd": {"clear bfd peer " + k.xbfd.String() + " counters", "clear bfd peers counters"},
	} {
		for _, command := range commands {
			before := bed.object(t, who, k, " counters")["control-packet-input"].(float64)
			eventually(t, patience, "more packets than a clear leaves", func() bool {
				return bed.object(t, who, k, " counters")["control-packet-input"].(float64) > before+8
			})
			text, code := bed.answer(t, who, command)
			after := bed.object(t, who, k, " counters")["control-packet-input"].(float64)
			if text != "" || code != 0 || after > before+4 {
				t.Errorf("%s, %s: status %d, %q, and %v packets after %v", who, command, code, text, after, before)
			}
		}
	}
}

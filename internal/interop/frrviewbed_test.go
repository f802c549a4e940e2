package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"
)

const viewInterval = 100 * time.Millisecond

// viewed is a kind of session as each of the two daemons has one of it. The two
// need not be ends of one session: only one end can be the passive one.
type viewed struct {
	status     string // in FRR's JSON
	family     family // IPv4 unless it says otherwise
	multihop   bool
	frrCommand string // that makes FRR's one of the kind
	xbfdKeys   string // likewise
	frr, xbfd  pairing
}

// viewBed is bfdd and xbfd with a session of each kind.
type viewBed struct {
	frr   *frr
	xbfd  *daemon
	kinds map[string]*viewed

	a, b     *host // of xbfd and of bfdd
	next     byte  // counts pairs of addresses
	speech   speech
	commands map[pairing]string
	config   string
}

// ends returns the two ends of a new pair of addresses, as xbfd and FRR have them.
func (bed *viewBed) ends(t testing.TB, k *viewed) (xbfd, frr pairing) {
	t.Helper()
	atA, atB := netip.AddrFrom4([4]byte{192, 0, 2, 20 + bed.next}), netip.AddrFrom4([4]byte{192, 0, 2, 60 + bed.next})
	if k.family.of != nil {
		atA, atB = k.family.of(bed.a), k.family.of(bed.b)
	} else {
		bed.next++
		bed.a.AddAddr(t, bed.a.ifname, atA.String()+"/24")
		bed.b.AddAddr(t, bed.b.ifname, atB.String()+"/24")
	}
	return pairing{atA, atB, bed.a.ifname, k.multihop}, pairing{atB, atA, bed.b.ifname, k.multihop}
}

// configure gives either daemon one end of a session.
func (bed *viewBed) configure(xbfd, frr pairing, keys, command string) {
	if frr != (pairing{}) {
		bed.speech.sessions, bed.commands[frr] = append(bed.speech.sessions, frr), command
	}
	if xbfd == (pairing{}) {
		return
	}
	where := ", interface: " + xbfd.ifname
	if xbfd.multihop {
		where = ", multihop: true"
	}
	bed.config += fmt.Sprintf("  - {peer: %q, local-address: %q, transmit-interval: %v, receive-interval: %[3]v, detect-multiplier: %d%s}\n",
		xbfd.peer, xbfd.local, viewInterval, mult, where+keys)
}

func startViewBed(t *testing.T) *viewBed {
	t.Helper()
	bed := &viewBed{
		speech: speech{interval: viewInterval, mult: mult}, commands: make(map[pairing]string),
		config: echoSources + "shutdown-hold: 500ms\nprofiles: {test: {detect-multiplier: 7}}\npeers:\n",
		kinds: map[string]*viewed{
			"up":         {status: "up", xbfdKeys: ", profile: test"},
			"multihop":   {status: "up", multihop: true, frrCommand: "minimum-ttl 250", xbfdKeys: ", minimum-ttl: 250"},
			"echo":       {status: "up", frrCommand: "echo-mode", xbfdKeys: ", echo-mode: true"},
			"ipv6":       {status: "up", family: families[1]},
			"link-local": {status: "up", family: family{of: func(h *host) netip.Addr { return h.ll }}},
			"passive":    {status: "up", frrCommand: "passive-mode", xbfdKeys: ", passive-mode: true"},
			"down":       {status: "down"},
			"shutdown":   {status: "shutdown", frrCommand: "shutdown", xbfdKeys: ", shutdown: true"},
		},
	}
	bed.a, bed.b = newLink(t)
	bed.b.forward(t, true)
	for _, k := range bed.kinds {
		switch xbfd, frr := bed.ends(t, k); {
		case k == bed.kinds["passive"]:
			// The other end of either is active.
			xbfd2, frr2 := bed.ends(t, k)
			k.xbfd, k.frr = xbfd2, frr
			bed.configure(xbfd, frr, "", k.frrCommand)
			bed.configure(xbfd2, frr2, k.xbfdKeys, "")
		case k.status == "up":
			k.xbfd, k.frr = xbfd, frr
			bed.configure(xbfd, frr, k.xbfdKeys, k.frrCommand)
		default:
			// Neither has another end.
			xbfd2, _ := bed.ends(t, k)
			k.xbfd, k.frr = xbfd2, frr
			bed.configure(xbfd2, frr, k.xbfdKeys, k.frrCommand)
		}
	}
	bed.xbfd = start(t, bed.a, bed.config)
	bed.frr = startFRR(t, bed.b, bed.speech)
	for p, command := range bed.commands {
		if command != "" {
			bed.frr.configure(t, p, command)
		}
	}
	for name, k := range bed.kinds {
		eventually(t, patience, name+" is "+k.status+" at both ends", func() bool {
			return bed.object(t, "frr", k, "")["status"] == k.status && bed.object(t, "xbfd", k, "")["status"] == k.status
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

// at returns the kind's session at one of the two.
func (k *viewed) at(who string) pairing {
	if who == "xbfd" {
		return k.xbfd
	}
	return k.frr
}

// object returns the values of one session.
func (bed *viewBed) object(t testing.TB, who string, k *viewed, more string) (m map[string]any) {
	t.Helper()
	text, _ := bed.answer(t, who, "show bfd "+k.at(who).frr()+more+" json")
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v\n%s", who, err, text)
	}
	return m
}

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// offload is FRR whose bfdd has xbfd run its sessions.
type offload struct {
	*frr
	xbfd *daemon
}

// startOffload starts bfdd, then xbfd, and waits until they have met. Sessions are
// configured afterwards.
func startOffload(t testing.TB, h *host, s speech, programs ...string) *offload {
	t.Helper()
	_, err := os.Stat(filepath.Join(frrDir, "bfdd"))
	testnet.Require(t, err == nil, "needs FRR's bfdd (Debian package frr)")
	f := &frr{host: h, s: speech{interval: s.interval, mult: s.mult, atOnce: s.atOnce}, log: newJournal(t, "bfdd"), dplane: true}
	f.prepare(t, programs...)
	o := &offload{frr: f}
	o.xbfd = start(t, h, fmt.Sprintf("shutdown-hold: 500ms\ndplane: [{connect: %q, hold: 20s}]\n", f.planeAddress()))
	o.met(t)
	for _, p := range s.sessions {
		f.configure(t, p, "profile test")
	}
	return o
}

// met waits until the connection is there at either end.
func (o *offload) met(t testing.TB) {
	t.Helper()
	eventually(t, patience, "bfdd has its data plane", func() bool {
		return o.plane(t).Connected && strings.Contains(o.vtysh(t, "show bfd distributed"), "File descriptor")
	})
}

func (o *offload) plane(t testing.TB) control.DataPlane {
	t.Helper()
	return o.xbfd.status(t).DataPlanes[0]
}

// waitUp waits until bfdd and xbfd have so many sessions up.
func (o *offload) waitUp(t testing.TB, count int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d sessions are up", count), func() bool {
		if o.xbfd.status(t).Sessions.Up != count {
			return false
		}
		up := 0
		for _, p := range o.show(t, "show bfd peers json") {
			if p.Status == "up" {
				up++
			}
		}
		return up == count
	})
}

// figures are what "show bfd distributed" shows, by name.
func figures(t testing.TB, text string) map[string]string {
	t.Helper()
	m := make(map[string]string)
	for _, f := range regexp.MustCompile(`(?m)^ *([A-Z][a-z ]+): (-?[0-9]+)$`).FindAllStringSubmatch(text, -1) {
		m[f[1]] = f[2]
	}
	return m
}

// TestOffload has an unmodified bfdd and a BIRD: what bfdd shows is what xbfd does.
func TestOffload(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	peer := startBIRD(t, b, speech{
		sessions: []pairing{{local: b.v4, peer: a.v4}, {local: b.v6, peer: a.v6}}, interval: 50 * time.Millisecond, mult: mult,
	})
	o := startOffload(t, a, speech{
		sessions: []pairing{{local: a.v4, peer: b.v4}, {local: a.v6, peer: b.v6}}, interval: 50 * time.Millisecond, mult: mult,
	}, "bfdd")
	o.waitUp(t, 2)
	waitPeerUp(t, peer, 2)
	o.shows(t, a, b)
	o.distributed(t)

	// Changed under way: a Poll, and nothing goes down.
	o.retime(t, 100*time.Millisecond)
	eventually(t, patience, "BIRD has the other interval", func() bool {
		v := peer.views(t)
		return v[a.v4].detect == mult*100*time.Millisecond && v[a.v6].detect == mult*100*time.Millisecond
	})
	o.crashes(t, peer, []pairing{{local: a.v4, peer: b.v4}, {local: a.v6, peer: b.v6}})

	// Shut down and deleted.
	p := pairing{local: a.v4, peer: b.v4}
	o.configure(t, p, "shutdown")
	eventually(t, patience, "AdminDown", func() bool { return o.xbfd.session(t, b.v4).State == "admin-down" && !peer.views(t)[a.v4].up })
	o.configure(t, p, "no shutdown")
	o.waitUp(t, 2)
	o.vtysh(t, "configure terminal", "bfd", "no "+p.frr())
	eventually(t, patience, "only the other one is left", func() bool { return o.xbfd.status(t).Sessions.Total == 1 && o.plane(t).Sessions == 1 })
	if e := o.plane(t).Errors; len(e) > 0 {
		t.Errorf("errors: %v", e)
	}
}

// shows compares what bfdd says of its sessions with what xbfd and the peer have.
func (o *offload) shows(t *testing.T, a, b *host) {
	t.Helper()
	eventually(t, patience, "bfdd has the peer's timers", func() bool {
		for _, p := range o.show(t, "show bfd peers json") {
			if p.RemoteTx != 50 || p.RemoteRx != 50 || p.RemoteMult != mult {
				return false
			}
		}
		return true
	})
	for _, p := range o.show(t, "show bfd peers json") {
		if p.Diagnostic != "ok" || p.RemoteDiagnostic != "ok" || p.Tx != 50 || p.Rx != 50 {
			t.Errorf("%+v", p)
		}
	}
	type counted struct {
		In  uint64 `json:"control-packet-input"`
		Out uint64 `json:"control-packet-output"`
	}
	var list []counted
	must(t, json.Unmarshal([]byte(o.vtysh(t, "show bfd peers counters json")), &list))
	for _, c := range list {
		if c.In < 5 || c.Out < 5 {
			t.Errorf("counters: %+v", c)
		}
	}
	for _, peer := range []netip.Addr{b.v4, b.v6} {
		s := o.xbfd.session(t, peer)
		if s.Owner != "bfdd:"+o.planeAddress() || s.DetectMult != mult || s.DesiredMinTx != 50_000 {
			t.Errorf("%+v", s)
		}
	}
}

// distributed compares the two ends of the connection.
func (o *offload) distributed(t *testing.T) {
	t.Helper()
	theirs := o.vtysh(t, "show bfd distributed")
	ours := o.xbfd.ctl(t, "frr", "-c", "show bfd distributed").stdout
	number := regexp.MustCompile(`: [0-9]+\n`)
	if diff := cmp.Diff(number.ReplaceAllString(theirs, ": N\n"), number.ReplaceAllString(ours, ": N\n")); diff != "" {
		t.Errorf("(-FRR +xbfd):\n%s", diff)
	}
	f, x := figures(t, theirs), figures(t, ours)
	for theirs, ours := range map[string]string{
		"Input bytes": "Output bytes", "Input messages": "Output messages", "Output bytes": "Input bytes", "Output messages": "Input messages",
	} {
		if f[theirs] != x[ours] || f[theirs] == "0" {
			t.Errorf("%s of FRR is %s, %s of xbfd %s", theirs, f[theirs], ours, x[ours])
		}
	}
}

// crashes kills bfdd and starts it again: the peer sees nothing of it.
func (o *offload) crashes(t *testing.T, peer *bird, sessions []pairing) {
	t.Helper()
	before := peer.views(t)
	must(t, syscall.Kill(o.pid, syscall.SIGKILL))
	<-o.gone
	eventually(t, patience, "xbfd has noticed", func() bool { return !o.plane(t).Connected })
	if n := o.xbfd.status(t).Sessions.Up; n != 2 {
		t.Errorf("%d sessions are up without bfdd", n)
	}
	o.s.sessions, o.s.interval = sessions, 100*time.Millisecond
	o.save(t)
	o.revive(t)
	o.met(t)
	o.waitUp(t, 2)
	time.Sleep(500 * time.Millisecond) // longer than what would be seen late
	if n := o.plane(t).Unclaimed; n != 0 {
		t.Errorf("%d sessions are not claimed", n)
	}
	for addr, v := range peer.views(t) {
		if v.failures != before[addr].failures || !v.up {
			t.Errorf("BIRD's session with %v: %+v, and before %+v", addr, v, before[addr])
		}
	}
}

// TestOffloadMany has bfdd add 500 sessions at once: all of them come up.
func TestOffloadMany(t *testing.T) {
	t.Parallel()
	const count = 500
	a, b := newLink(t)
	var config strings.Builder
	fmt.Fprint(&config, "profiles: {test: {transmit-interval: 300ms, receive-interval: 300ms, detect-multiplier: 10}}\nshutdown-hold: 0s\npeers:\n")
	var commands []string
	for _, p := range crowd(t, a, b, count) {
		fmt.Fprintf(&config, "  - {peer: %s, local-address: %s, interface: %s, profile: test}\n", p.peer, p.local, b.ifname)
		commands = append(commands, fmt.Sprintf("peer %s local-address %s", p.local, p.peer), "profile test", "exit")
	}
	start(t, b, config.String())
	o := startOffload(t, a, speech{interval: 300 * time.Millisecond, mult: mult, atOnce: true}, "bfdd")
	began := time.Now()
	// bfdd has room for 58 messages of one change, two for each session, and loses what
	// does not fit. One session at a time takes it 2.9 s, with or without a data plane.
	for some := range slices.Chunk(commands, 3*25) {
		o.change(t, append([]string{"bfd"}, some...)...)
	}
	loaded := time.Since(began)
	eventually(t, patience, "all are up", func() bool { return o.xbfd.status(t).Sessions.Up == count })
	t.Logf("bfdd had read %d peers after %v, all were up after %v", count, loaded.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	o.waitUp(t, count)
	for _, s := range o.xbfd.sessions(t) {
		if s.Counters.Down != 0 {
			t.Errorf("%v went down %d times", s.Peer, s.Counters.Down)
		}
	}
	if f := figures(t, o.vtysh(t, "show bfd distributed")); f["Output full events"] != "0" {
		t.Errorf("bfdd had no room for %s messages", f["Output full events"])
	}
	// Counters of more than 102 sessions make this bfdd drop the connection, and
	// hand over the 58 sessions that fit into its buffer when it is back: nothing of
	// that is seen on the wire, and bfdd is told of the others too.
	before := o.plane(t).Connections
	o.vtysh(t, "show bfd peers counters")
	eventually(t, patience, "bfdd is back", func() bool { p := o.plane(t); return p.Connected && p.Connections > before })
	o.waitUp(t, count)
	for _, s := range o.xbfd.sessions(t) {
		if s.Counters.Down != 0 {
			t.Errorf("%v went down %d times", s.Peer, s.Counters.Down)
		}
	}
	if w := strings.Join(o.xbfd.status(t).Warnings, "\n"); !strings.Contains(w, "handed over exactly 58 sessions") {
		t.Errorf("warnings: %q", w)
	}
}

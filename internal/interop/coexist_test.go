package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
)

// TestAnotherDaemonOnTheHost runs xbfd beside a BFD daemon that has UDP port
// 3784 of the same namespace and sessions over the same interface and local
// address: each gets its own peer's packets and neither the other's.
func TestAnotherDaemonOnTheHost(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b, c := newLAN(t)
		startPeer(t, b, speech{sessions: towards(a, b), interval: 100 * time.Millisecond, mult: mult})
		far := startPeer(t, c, speech{sessions: towards(a, c), interval: 100 * time.Millisecond, mult: mult})
		neighbour := startPeer(t, a, speech{sessions: towards(c, a), interval: 100 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, neighbour, 1)
		time.Sleep(2 * mult * 100 * time.Millisecond)

		owner := regexp.MustCompile(`UDP port 3784 is taken by (bfdd|bird) \(pid \d+\)`)
		if warned := d.log.lines("level=WARN"); len(warned) != 1 || !owner.MatchString(warned[0]) {
			t.Errorf("warnings %q, want one that names the owner of the port", warned)
		}
		status := d.status(t)
		if i := status.Interfaces; len(i) != 1 || !owner.MatchString(i[0].UDP) || i[0].Transport != "xdp-native" {
			t.Errorf("interfaces %+v", i)
		}
		if !owner.MatchString(strings.Join(status.Warnings, "\n")) {
			t.Errorf("status warns %q", status.Warnings)
		}
		if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 {
			t.Errorf("our session %+v", s)
		}
		if v := neighbour.views(t)[c.v4]; !v.up || v.failures != 0 {
			t.Errorf("the neighbour's session %+v", v)
		}
		if v := far.views(t)[a.v4]; !v.up || v.failures != 0 {
			t.Errorf("the neighbour's session at its far end %+v", v)
		}
		rows.Covers(t, "ENV-L2-01", "5881-3-03")
	})
}

// TestPortTaken leaves only UDP sockets to xbfd where another daemon has the
// port: it must say who, and end.
func TestPortTaken(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		startPeer(t, a, speech{sessions: []pairing{{local: a.v4, peer: b.v4}}, interval: 100 * time.Millisecond, mult: mult})
		d := launch(t, a, "transport: udp\n"+oneSession(b, 100*time.Millisecond, ""))
		d.refused(t, fmt.Sprintf(`^xbfd: .*interface %s: .*UDP port 3784 is taken by (bfdd|bird) \(pid \d+\)`, a.ifname))
	})
}

// TestAnotherDaemonComesLater starts the other daemon where xbfd has the port on its
// interface: bfdd ends, BIRD goes on without BFD, and neither disturbs xbfd's session.
func TestAnotherDaemonComesLater(t *testing.T) {
	t.Parallel()
	for name, come := range map[string]func(testing.TB, *host, speech){
		"frr": func(t testing.TB, h *host, s speech) {
			f := &frr{host: h, s: s, log: newJournal(t, "bfdd")}
			f.prepare(t) // nothing yet: it does not stay
			p := f.run(t, "bfdd", "--bfdctl", f.path("bfdd.sock"))
			select {
			case <-p.gone:
			case <-time.After(patience):
				t.Error("bfdd stays")
			}
			if len(f.log.lines(`Address already in use`)) == 0 {
				t.Errorf("bfdd does not say why it ends:\n%s", f.log)
			}
		},
		"bird": func(t testing.TB, h *host, s speech) {
			b := startBIRD(t, h, s)
			if len(b.log.lines(`bfd.*Address already in use|Address already in use.*bfd`)) == 0 {
				t.Errorf("BIRD does not say why it has no BFD:\n%s", b.log)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b, c := newLAN(t)
			twin := start(t, b, oneSession(a, 100*time.Millisecond, ""))
			d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
			d.waitUp(t)
			come(t, a, speech{sessions: towards(c, a), interval: 100 * time.Millisecond, mult: mult})
			time.Sleep((mult + 5) * 100 * time.Millisecond)
			for _, d := range []*daemon{d, twin} {
				if s := d.sessions(t)[0]; s.State != "up" || s.Counters.Down != 0 {
					t.Errorf("session with %s: %+v", s.Peer, s)
				}
			}
			if i := d.status(t).Interfaces[0]; i.Transport != "xdp-native" || i.UDP != "open" {
				t.Errorf("interface %+v", i)
			}
		})
	}
}

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTransportWalk changes the transport from each to each other, by command and by
// the file, while a session with every make of BFD is up at 50 ms.
func TestTransportWalk(t *testing.T) {
	withEach(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		peer := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		file := func(transport string) string {
			return fmt.Sprintf("interfaces: [{name: a, transport: %s}]\nshutdown-hold: 0s\npeers:\n"+
				"  - {peer: %s, local-address: %s, transmit-interval: 50ms, receive-interval: 50ms, detect-multiplier: %d}\n", transport, b.v4, a.v4, mult)
		}
		d := start(t, a, file("auto"))
		d.waitState(t, b.v4, "up")
		waitPeerUp(t, peer, 1)
		settled(t, d, b)
		held := func(step, transport string) {
			t.Helper()
			eventually(t, patience, "transport is "+transport, func() bool { return d.session(t, b.v4).Transport == transport })
			time.Sleep(time.Duration(mult) * 50 * time.Millisecond)
			if s := d.session(t, b.v4); s.State != "up" || s.Counters.Up != 1 || s.Counters.Down != 0 || s.Transport != transport {
				t.Fatalf("%s: %s over %s, counters %+v", step, s.State, s.Transport, s.Counters)
			}
			if v := peer.views(t)[a.v4]; !v.up || v.failures != 0 {
				t.Fatalf("%s: the peer shows %+v", step, v)
			}
		}
		for _, step := range []struct{ asked, is string }{
			{"xdp-generic", "xdp-generic"}, {"udp", "udp"}, {"xdp", "xdp-native"}, {"udp", "udp"},
			{"xdp-generic", "xdp-generic"}, {"auto", "xdp-native"},
		} {
			r := xbfd(t, a, "interface", "a", "--transport", step.asked, "--control", d.control)
			if r.code != 0 || !strings.Contains(r.stdout, step.is) {
				t.Fatalf("%s: %+v", step.asked, r)
			}
			held("command "+step.asked, step.is)
		}
		for _, step := range []struct{ asked, is string }{{"udp", "udp"}, {"xdp-generic", "xdp-generic"}, {"auto", "xdp-native"}} {
			must(t, d.reload(t, file(step.asked)))
			held("file "+step.asked, step.is)
		}
		i := d.status(t).Interfaces[0]
		if i.TransportSwitches != 9 || i.TransportAsked != "auto" || i.TransportCause != "the configuration has changed" {
			t.Errorf("%+v", i)
		}
		d.log.wrote(t, 9, `msg="transport changed" ifname=a`)
	})
}

// TestTransportRefused asks for sockets while another daemon has the port, by
// command and by the file: the transport stays, and both say why.
func TestTransportRefused(t *testing.T) {
	withForeign(t, func(t *testing.T, startPeer starter) {
		a, b := newLink(t)
		startPeer(t, a, speech{interval: 50 * time.Millisecond, mult: mult})
		twin := startPeer(t, b, speech{sessions: towards(a, b), interval: 50 * time.Millisecond, mult: mult})
		d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
		d.waitState(t, b.v4, "up")
		r := xbfd(t, a, "interface", "a", "--transport", "udp", "--control", d.control)
		if r.code != 1 || !strings.Contains(r.stderr, "UDP port 3784 is taken by") {
			t.Errorf("%+v", r)
		}
		must(t, d.reload(t, "transport: udp\n"+oneSession(b, 50*time.Millisecond, "")))
		eventually(t, patience, "the status says that udp is not had", func() bool {
			return strings.Contains(strings.Join(d.status(t).Warnings, "\n"), "interface a: transport udp was asked for, xdp-native serves: ")
		})
		if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 || s.Transport != "xdp-native" {
			t.Errorf("%s over %s, counters %+v", s.State, s.Transport, s.Counters)
		}
		// AF_XDP to AF_XDP goes without sockets too: nothing is heard for a moment.
		r = xbfd(t, a, "interface", "a", "--transport", "xdp-generic", "--control", d.control)
		if r.code != 0 {
			t.Errorf("%+v", r)
		}
		time.Sleep(mult * 50 * time.Millisecond)
		if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 || s.Transport != "xdp-generic" {
			t.Errorf("%s over %s, counters %+v", s.State, s.Transport, s.Counters)
		}
		waitPeerUp(t, twin, 1)
	})
}

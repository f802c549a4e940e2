package frrview

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
)

// strange is a session with everything that bfdd cannot have.
func strange() client.Session {
	return client.Session{
		Peer: netip.MustParseAddr("fe80::1"), VRF: "default", Owner: "ospfd", State: "init", Role: "passive",
		Diagnostic: "31", RemoteDiagnostic: "reverse-concatenated-path-down", LocalDiscriminator: 4294967295,
		DetectMult: 255, DesiredMinTx: 100, RequiredMinRx: 3300, RemoteDesiredMinTx: 4294967295,
		Counters: client.Counters{Tx: 5, Insurance: 2, Rx: 1, RxHeard: 40, Up: 3, Down: 4},
		Echo:     client.Echo{TxInterval: 100, RTT: client.RTT{Min: 15.9, Avg: 22.1, Max: 300}},
	}
}

func TestShowStrange(t *testing.T) {
	list := []client.Session{strange()}
	for line, want := range map[string]string{
		"show bfd peer fe80::1": "BFD Peer:\n\tpeer fe80::1 vrf default\n\t\tID: 4294967295\n\t\tRemote ID: 0\n\t\tPassive mode\n\t\tStatus: init\n" +
			"\t\tDiagnostics: unknown\n\t\tRemote diagnostics: reverse concatenated path down\n\t\tPeer Type: dynamic\n" +
			"\t\tRTT min/avg/max: 15/22/300 usec\n\t\tLocal timers:\n\t\t\tDetect-multiplier: 255\n\t\t\tReceive interval: 3ms\n" +
			"\t\t\tTransmission interval: 0ms\n\t\t\tEcho receive interval: disabled\n\t\t\tEcho transmission interval: 0ms\n" +
			"\t\tRemote timers:\n\t\t\tDetect-multiplier: 0\n\t\t\tReceive interval: 0ms\n\t\t\tTransmission interval: 4294967ms\n" +
			"\t\t\tEcho receive interval: disabled\n\n",
		"show bfd peer fe80::1 counters": "\tpeer fe80::1 vrf default\n\t\tControl packet input: 41 packets\n\t\tControl packet output: 7 packets\n" +
			"\t\tEcho packet input: 0 packets\n\t\tEcho packet output: 0 packets\n\t\tSession up events: 3\n\t\tSession down events: 4\n\t\tZebra notifications: 0\n\n",
		"show bfd peers brief": "Session count: 1\n" +
			"SessionId  LocalAddress                             PeerAddress                             Status         \n" +
			"=========  ============                             ===========                             ======         \n" +
			"4294967295 ::                                       fe80::1                                 init           \n",
		"show bfd vrf red peers counters": "BFD Peers:\n",
		"show bfd vrf red peers json":     "[\n]\n",
	} {
		c, err := Parse(strings.Fields(line))
		if diff := cmp.Diff(want, c.Show(list)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", line, err, diff)
		}
	}
}

func TestAge(t *testing.T) {
	for seconds, want := range map[uint64]string{
		0:          "0 second(s)",
		59:         "59 second(s)",
		60:         "1 minute(s), 0 second(s)",
		3599:       "59 minute(s), 59 second(s)",
		3600:       "1 hour(s), 0 second(s)",
		86400 + 61: "1 day(s), 1 minute(s), 1 second(s)",
		// 12 months of 30 days, then the days that are left of a year.
		366 * 86400: "1 year(s), 6 day(s), 0 second(s)",
		31 * 86400:  "1 month(s), 1 day(s), 0 second(s)",
	} {
		if got := age(seconds); got != want {
			t.Errorf("%d: %q, want %q", seconds, got, want)
		}
	}
}

// FuzzCommand reads any words: nothing panics, what is taken is answered, and JSON
// that is asked for is JSON.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{
		"show bfd peers json", "show bfd vrf red peers brief", "clear bfd peer 192.0.2.1 counters",
		"show bfd peer fe80::1 interface \"e\" multihop json", "show bfd static route json", "show bfd \x00", " ",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := Parse(strings.Split(line, " "))
		_ = Completions(strings.Split(line, " "))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		s := strange()
		s.Interface, s.VRF = c.Interface, c.VRF
		text := c.Show([]client.Session{s})
		if c.JSON && !json.Valid([]byte(text)) {
			t.Errorf("%q: %s", line, text)
		}
		if text == "" || c.NotFound() == "" {
			t.Errorf("%q: no answer", line)
		}
	})
}

// Routes of VRFs stand by themselves, behind those of the default one.
func TestStaticRoutesOfVRFs(t *testing.T) {
	member := []client.RouteMember{{Gateway: netip.MustParseAddr("192.0.2.1"), Used: true}}
	list := []client.Route{
		{Kind: "route", Prefix: "203.0.113.0/24", VRF: "red", Members: member},
		{Kind: "route", Prefix: "198.51.100.0/24", Members: member},
	}
	c, err := Parse([]string{"show", "bfd", "static", "route"})
	if err != nil {
		t.Fatal(err)
	}
	text := c.ShowRoutes(list)
	at := -1
	for _, line := range []string{
		"    VRF default IPv4 Unicast:\n        198.51.100.0/24 peer 192.0.2.1 (status: installed)\n", "    VRF default IPv6 Unicast:\n",
		"    VRF red IPv4 Unicast:\n        203.0.113.0/24 peer 192.0.2.1 (status: installed)\n", "    VRF red IPv6 Unicast:\n",
	} {
		if i := strings.Index(text, line); i <= at {
			t.Errorf("%q is not in its place in\n%s", line, text)
		} else {
			at = i
		}
	}
	c.JSON = true
	if text := c.ShowRoutes(list); !strings.Contains(text, `{"prefix":"203.0.113.0/24","vrf":"red","installed":true,"peer":"192.0.2.1"}`) {
		t.Error(text)
	}
}

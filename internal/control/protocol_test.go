package control_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/packet"
)

// mixed is a Backend with a session of either sort between the same addresses,
// and one whose Echo runs in both directions.
func mixed() *controltest.Backend {
	far := controltest.Up(21, "192.0.2.1", "192.0.2.9", "eth0")
	far.Multihop, far.MinTTL, far.Echo.RxInterval, far.Echo.Loop = true, 250, 0, control.Loop{State: "off"}
	echo := controltest.Up(22, "192.0.2.2", "192.0.2.9", "eth0")
	echo.Echo = control.Echo{
		Mode: "active", TxInterval: 40_000, RxInterval: 50_000, Interval: 50_000, DetectionTime: 150_000,
		Source: netip.MustParseAddr("10.10.10.2"), Sent: 100, Returned: 99,
		RTT: control.RTT{Count: 99, Last: 21.5, Min: 15.25, Avg: 22.125, Max: 300,
			Histogram: []control.Bucket{{LE: ptr(16.384), Count: 98}, {Count: 1}}},
		Loop: control.Loop{State: "ready", Offered: 50_000, Looped: 7},
	}
	echo.Counters.EchoTx, echo.Counters.EchoRx, echo.Counters.EchoLooped = 100, 99, 7
	return controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"), far, echo)
}

func TestProtocolAnswers(t *testing.T) {
	b := mixed()
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
	}{
		{"echo", "GET", "/v1/sessions/22", "", 200},
		{"multihop", "GET", "/v1/sessions/192.0.2.1?multihop=true", "", 200},
		{"add-multihop", "POST", "/v1/sessions", `{"peer": "198.51.100.1", "local": "192.0.2.9", "multihop": true, "minimum-ttl": 200}`, 201},
		{"add-echo", "POST", "/v1/sessions", `{"peer": "192.0.2.4", "echo-mode": true, "echo-receive-interval-us": 0, "strict-interface": true}`, 201},
		{"add-unaffiliated", "POST", "/v1/sessions", `{"peer": "192.0.2.5", "unaffiliated-echo": true}`, 201},
		{"change-demand", "PATCH", "/v1/sessions/11", `{"demand-mode": true, "demand-poll-interval-us": 500000, "congestion-ceiling-us": 1000000, "dscp": 0}`, 200},
		{"change-hold-down", "PATCH", "/v1/sessions/11", `{"hold-down": true, "required-min-rx-us": 0}`, 200},
		{"poll", "POST", "/v1/sessions/192.0.2.1/poll?multihop=true", "", 200},
		{"diag", "POST", "/v1/sessions/22/diag", `{"diagnostic": "concatenated-path-down"}`, 200},
		{"client", "PUT", "/v1/sessions/22/clients/ospfd", `{"hold-off-us": 500000, "depends-only-on-bfd": true, "desired-min-tx-us": 20000}`, 200},
		{"echo-source-none", "GET", "/v1/echo-source", "", 200},
		{"echo-source-put", "PUT", "/v1/echo-source", `{"address": ["2001:db8:10::2", "10.10.10.2"]}`, 200},
		{"echo-source", "GET", "/v1/echo-source", "", 200},
	} {
		w := request(b, tt.method, tt.target, tt.body)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, %s", tt.name, w.Code, w.Body)
			continue
		}
		golden(t, tt.name, w.Body.Bytes())
	}
	if w := request(b, "DELETE", "/v1/echo-source", ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("delete: %d %s", w.Code, w.Body)
	}
	if e, _ := b.EchoSource(t.Context()); e.Set() {
		t.Errorf("after delete: %+v", e)
	}
}

func TestProtocolErrors(t *testing.T) {
	type e = control.Error
	const names = "forwarding-reset, path-down, concatenated-path-down, reverse-concatenated-path-down, none"
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       e
	}{
		{"no diagnostic", "POST", "/v1/sessions/11/diag", `{}`, 422, e{Code: "invalid", Field: "diagnostic", Message: "is missing: give one of " + names}},
		{"no such diagnostic", "POST", "/v1/sessions/11/diag", `{"diagnostic": "echo-failed"}`, 422, e{Code: "invalid", Field: "diagnostic", Message: `"echo-failed" is not one of ` + names}},
		{"number", "POST", "/v1/sessions/11/diag", `{"diagnostic": 5}`, 400, e{Code: "bad-request", Field: "diagnostic", Message: "5 is not a string"}},
		{"method of diag", "GET", "/v1/sessions/11/diag", "", 405, e{Code: "bad-request", Message: "GET is not for this route: it takes POST"}},
		{"diag of none", "POST", "/v1/sessions/99/diag", `{"diagnostic": "none"}`, 404, e{Code: "not-found", Message: "no session with local discriminator 99"}},
		{"poll which", "POST", "/v1/sessions/192.0.2.1/poll", "", 409, e{Code: "ambiguous", Message: "2 sessions with peer 192.0.2.1: name one by interface, local, vrf, multihop or its discriminator\n" +
			"  11: local 192.0.2.9, interface eth0\n  21: local 192.0.2.9, interface eth0, multihop"}},
		{"poll of none", "POST", "/v1/sessions/192.0.2.2/poll?multihop=true", "", 404, e{Code: "not-found", Message: "no session with peer 192.0.2.2, multihop true"}},
		{"multihop", "GET", "/v1/sessions?multihop=yes", "", 400, e{Code: "bad-request", Field: "multihop", Message: `"yes" is not true or false`}},

		{"echo over hops", "POST", "/v1/sessions", `{"peer": "192.0.2.7", "local": "192.0.2.9", "multihop": true, "echo-mode": true}`, 422,
			e{Code: "invalid", Field: "echo-mode", Message: "an echo crosses one hop only (RFC 5883 §3): remove the key, or multihop"}},
		{"TTL of one hop", "POST", "/v1/sessions", `{"peer": "192.0.2.7", "minimum-ttl": 250}`, 422,
			e{Code: "invalid", Field: "minimum-ttl", Message: "is for multihop: a packet that has come one hop has TTL 255 and no other; remove the key, or set multihop: true"}},
		{"hops from anywhere", "POST", "/v1/sessions", `{"peer": "192.0.2.7", "multihop": true}`, 422,
			e{Code: "invalid", Field: "local", Message: "is missing: a multihop session is told from others by both addresses; give the address of this host that the peer sends to"}},
		{"demand with echo", "PATCH", "/v1/sessions/22", `{"demand-mode": true}`, 422,
			e{Code: "invalid", Field: "echo-mode", Message: "does not go with demand-mode: keep the one that is to watch the path"}},
		{"echo interval without echo", "PATCH", "/v1/sessions/11", `{"echo-transmit-interval-us": 1000}`, 422,
			e{Code: "invalid", Field: "echo-transmit-interval-us", Message: "the session sends no echo: set echo-mode to true with it"}},
		{"fast echo", "PATCH", "/v1/sessions/22", `{"echo-receive-interval-us": 5}`, 422,
			e{Code: "invalid", Field: "echo-receive-interval-us", Message: "5us is more often than a host can return echoes: set 100us or more, or disabled"}},

		{"client's name", "PUT", "/v1/sessions/22/clients/a%20b", `{}`, 400, e{Code: "bad-request", Message: "a client's name has at most 64 letters, digits and - _ . : @"}},
		{"client's long name", "DELETE", "/v1/sessions/22/clients/" + strings.Repeat("x", 65), ``, 400, e{Code: "bad-request", Message: "a client's name has at most 64 letters, digits and - _ . : @"}},
		{"client's key", "PUT", "/v1/sessions/22/clients/ospfd", `{"assume-capabl": true}`, 400, e{Code: "bad-request", Field: "assume-capabl", Message: `unknown key: did you mean "assume-capable"?`}},
		{"client's echo over hops", "PUT", "/v1/sessions/21/clients/ospfd", `{"echo-mode": true}`, 422,
			e{Code: "invalid", Field: "echo-mode", Message: "an echo crosses one hop only (RFC 5883 §3): remove the key, or multihop"}},
		{"no such client", "DELETE", "/v1/sessions/22/clients/ospfd", "", 404, e{Code: "not-found", Message: `the session with peer 192.0.2.2 has no client "ospfd"`}},

		{"no source", "PUT", "/v1/echo-source", `{}`, 422, e{Code: "invalid", Field: "interface", Message: "is missing: name an interface that has the addresses, such as lo, or give address"}},
		{"two sources", "PUT", "/v1/echo-source", `{"interface": "lo", "address": "10.10.10.2"}`, 422, e{Code: "invalid", Field: "address", Message: "does not go with interface: keep one of them"}},
		{"link-local source", "PUT", "/v1/echo-source", `{"address": ["fe80::1"]}`, 422, e{Code: "invalid", Field: "address", Message: "fe80::1 is link-local: give an address that is in no subnet of the interfaces to the peers"}},
		{"source in words", "PUT", "/v1/echo-source", `{"address": ["10.10.10.2", "lo"]}`, 400, e{Code: "bad-request", Field: "address", Message: `"lo" is not an IP address: names are not looked up, so write 192.0.2.1 or 2001:db8::1`}},
		{"source of a number", "PUT", "/v1/echo-source", `{"address": 7}`, 400, e{Code: "bad-request", Field: "address", Message: "7 is not an address in a string"}},
		{"method of echo-source", "POST", "/v1/echo-source", "", 405, e{Code: "bad-request", Message: "POST is not for this route: it takes DELETE, GET, PUT"}},
		{"parameter of echo-source", "DELETE", "/v1/echo-source?interface=lo", "", 400, e{Code: "bad-request", Field: "interface", Message: "unknown parameter: this route takes none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := request(mixed(), tt.method, tt.target, tt.body)
			var got struct{ Error e }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v in %q", err, w.Body)
			}
			if diff := cmp.Diff(tt.want, got.Error); diff != "" || w.Code != tt.status {
				t.Errorf("status %d, want %d (-want +got):\n%s", w.Code, tt.status, diff)
			}
		})
	}
}

// TestPollOfDown: only a session that is up has somebody to poll.
func TestPollOfDown(t *testing.T) {
	b := mixed()
	if w := request(b, "PATCH", "/v1/sessions/22", `{"shutdown": true}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := request(b, "POST", "/v1/sessions/22/poll", "")
	if want := `{"error":{"code":"unavailable","message":"the session is admin-down: only one that is up can poll"}}` + "\n"; w.Code != 503 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNotRunning: a session that the daemon knows of and does not run is shown,
// and nothing can be done to it.
func TestNotRunning(t *testing.T) {
	waits := controltest.Up(0, "192.0.2.7", "192.0.2.9", "eth0")
	waits.Path = "the workers are full"
	b := controltest.New(waits)
	if w := request(b, "GET", "/v1/sessions/192.0.2.7", ""); w.Code != 200 {
		t.Errorf("show: %d %s", w.Code, w.Body)
	}
	for _, rq := range [][3]string{
		{"PATCH", "", `{"shutdown": true}`}, {"DELETE", "", ""},
		{"POST", "/poll", ""}, {"POST", "/diag", `{"diagnostic": "none"}`}, {"POST", "/auth", `{"off": true}`},
		{"PUT", "/clients/ospfd", "{}"}, {"DELETE", "/clients/ospfd", ""},
	} {
		w := request(b, rq[0], "/v1/sessions/192.0.2.7"+rq[1], rq[2])
		want := `{"error":{"code":"unavailable","message":"the session does not run: the workers are full"}}` + "\n"
		if w.Code != 503 || w.Body.String() != want {
			t.Errorf("%s%s: %d %s", rq[0], rq[1], w.Code, w.Body)
		}
	}
}

// TestProtocolRoundTrip: what the Client asks for is what the Backend is asked.
func TestProtocolRoundTrip(t *testing.T) {
	b := mixed()
	c := control.NewClient(controltest.Serve(t, b))
	defer c.Close()
	ctx := t.Context()
	far := control.Target{X: "192.0.2.1", Multihop: ptr(true)}

	if s, err := c.Poll(ctx, far); err != nil || s.LocalDiscriminator != 21 || s.Poll != "active" {
		t.Errorf("poll: %+v, %v", s, err)
	}
	for _, d := range control.Signals {
		if s, err := c.Signal(ctx, far, d); err != nil || s.LocalDiscriminator != 21 || s.Diagnostic != d.String() {
			t.Errorf("signal %v: %+v, %v", d, s, err)
		}
	}
	if _, err := c.Signal(ctx, far, packet.DiagEchoFailed); err == nil {
		t.Error("a diagnostic of the protocol's own was set")
	}
	if list, err := c.Sessions(ctx, control.Filter{Multihop: ptr(false)}); err != nil || len(list) != 2 {
		t.Errorf("single hop: %+v, %v", list, err)
	}

	s, err := c.SetClient(ctx, far, "ospfd:1", control.ClientSpec{ClientFlags: control.ClientFlags{AssumeCapable: true}})
	if err != nil || len(s.Clients) != 2 || s.Clients[1].Name != "ospfd:1" || !s.Clients[1].AssumeCapable {
		t.Errorf("set client: %+v, %v", s.Clients, err)
	}
	if err := c.DeleteClient(ctx, far, "ospfd:1"); err != nil {
		t.Errorf("delete client: %v", err)
	}

	for _, source := range []control.EchoSource{
		{Interface: "lo0"}, {Addresses: []netip.Addr{netip.MustParseAddr("10.10.10.2"), netip.MustParseAddr("2001:db8:10::2")}},
	} {
		set, err := c.SetEchoSource(ctx, source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.EchoSource(ctx)
		if diff := cmp.Diff(set, got, addrs); diff != "" || err != nil || got.Interface != source.Interface || len(got.Addresses) != len(source.Addresses) {
			t.Errorf("echo source: %+v, %v (-set +got):\n%s", got, err, diff)
		}
	}
	if err := c.DeleteEchoSource(ctx); err != nil {
		t.Fatal(err)
	}
	if e, _ := b.EchoSource(ctx); e != (config.EchoSource{}) {
		t.Errorf("after delete: %+v", e)
	}
}

package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/rows"
)

func TestErrors(t *testing.T) {
	type e = control.Error
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       e
	}{
		{"route", "GET", "/v2/sessions", "", 404, e{Code: "not-found", Message: `no route "/v2/sessions": did you mean "/v1/sessions"?`}},
		{"unclean", "GET", "/v1//sessions", "", 404, e{Code: "not-found", Message: `no route "/v1//sessions": did you mean "/v1/sessions"?`}},
		{"star", "OPTIONS", "*", "", 404, e{Code: "not-found", Message: `no route "*": docs/api.md lists them`}},
		{"method", "PUT", "/v1/sessions", "", 405, e{Code: "bad-request", Message: "PUT is not for this route: it takes GET, POST"}},
		{"parameter", "GET", "/v1/sessions?per=192.0.2.1", "", 400, e{Code: "bad-request", Field: "per", Message: `unknown parameter: did you mean "peer"?`}},
		{"config", "PUT", "/v1/config", "peers:\n- {peer: 192.0.2.1, dscp: 64}\n- {peer: x}", 422, e{Code: "invalid", Field: "peers[0].dscp",
			Message: "request:2:27: peers[0].dscp: 64 does not fit the six bits of the field: set 0 to 63 (48 is network control)\n" +
				`request:3:10: peers[1].peer: "x" is not an IP address: names are not looked up, so write 192.0.2.1 or 2001:db8::1`}},
		{"no config", "PUT", "/v1/config", " \n", 400, e{Code: "bad-request", Message: "the body is empty: send a whole configuration, in JSON or YAML"}},
		{"deep config", "PUT", "/v1/config", strings.Repeat("[", 100_000), 422, e{Code: "invalid", Message: "request:1:65: is nested more than 64 deep: a configuration is not"}},
		{"no topic", "PUT", "/v1/debug", "{}", 400, e{Code: "bad-request", Message: "nothing to change: give at least one of peer, network and events"}},
		{"clear what", "POST", "/v1/sessions/11/clear", `{"only": true}`, 400, e{Code: "bad-request", Field: "only", Message: `unknown key: there are only-packets`}},
		{"topic", "PUT", "/v1/debug", `{"peers": true}`, 400, e{Code: "bad-request", Field: "peers", Message: `unknown key: did you mean "peer"?`}},
		{"topic value", "PUT", "/v1/debug", `{"peer": "on"}`, 400, e{Code: "bad-request", Field: "peer", Message: `"on" is not true or false`}},
		{"auth off and key", "POST", "/v1/sessions", `{"peer": "192.0.2.7", "auth": {"off": true, "key": 1}}`, 400, e{Code: "bad-request", Field: "auth", Message: "off takes no key: give key or off"}},
		{"parameter of none", "POST", "/v1/reload?now=1", "", 400, e{Code: "bad-request", Field: "now", Message: "unknown parameter: this route takes none"}},
		{"parameter of status", "GET", "/v1/status?now=1", "", 400, e{Code: "bad-request", Field: "now", Message: "unknown parameter: this route takes none"}},
		{"twice", "GET", "/v1/sessions?vrf=a&vrf=b", "", 400, e{Code: "bad-request", Field: "vrf", Message: "stands more than once"}},
		{"state", "GET", "/v1/sessions?state=UP", "", 400, e{Code: "bad-request", Field: "state", Message: `"UP" is not one of admin-down, down, init, up`}},
		{"filter", "GET", "/v1/sessions?peer=there", "", 400, e{Code: "bad-request", Field: "peer", Message: `"there" is not an IP address: names are not looked up, so write 192.0.2.1 or 2001:db8::1`}},
		{"query", "GET", "/v1/sessions?a=%ZZ", "", 400, e{Code: "bad-request", Message: `the query cannot be read: invalid URL escape "%ZZ"`}},
		{"id", "GET", "/v1/sessions/first", "", 400, e{Code: "bad-request", Message: `"first" is neither the address of a peer nor a local discriminator`}},
		{"id 0", "GET", "/v1/sessions/0", "", 400, e{Code: "bad-request", Message: `"0" is neither the address of a peer nor a local discriminator`}},
		{"id too big", "GET", "/v1/sessions/4294967296", "", 400, e{Code: "bad-request", Message: `"4294967296" is neither the address of a peer nor a local discriminator`}},
		{"no such id", "GET", "/v1/sessions/99", "", 404, e{Code: "not-found", Message: "no session with local discriminator 99"}},
		{"other interface", "GET", "/v1/sessions/11?interface=eth1", "", 404, e{Code: "not-found", Message: "no session with local discriminator 11, interface eth1"}},
		{"no such peer", "DELETE", "/v1/sessions/192.0.2.7", "", 404, e{Code: "not-found", Message: "no session with peer 192.0.2.7"}},
		{"ambiguous", "PATCH", "/v1/sessions/fe80::1", `{"shutdown": true}`, 409, e{Code: "ambiguous", Message: "2 sessions with peer fe80::1: name one by interface, local, vrf, multihop or its discriminator\n" +
			"  13: local fe80::9, interface eth0\n  14: local fe80::9, interface eth1"}},
		{"owner", "DELETE", "/v1/sessions/11", "", 403, e{Code: "not-owner", Message: "the session with 192.0.2.1 belongs to file: remove it there"}},
		{"exists", "POST", "/v1/sessions", `{"peer": "192.0.2.1", "local": "192.0.2.9", "interface": "eth0"}`, 409, e{Code: "exists", Field: "peer", Message: "there is a session with 192.0.2.1 already"}},

		{"empty", "POST", "/v1/sessions", ``, 400, e{Code: "bad-request", Message: "the body is not a JSON object: EOF"}},
		{"null", "POST", "/v1/sessions", `null`, 400, e{Code: "bad-request", Message: "the body is not a JSON object: it is null"}},
		{"array", "POST", "/v1/sessions", `[]`, 400, e{Code: "bad-request", Message: "the body is not a JSON object: cannot unmarshal array into Go value of type map[string]json.RawMessage"}},
		{"trailing", "POST", "/v1/sessions", `{"peer": "192.0.2.1"} {}`, 400, e{Code: "bad-request", Message: "the body goes on after the JSON object"}},
		{"key", "POST", "/v1/sessions", `{"Peer": "192.0.2.1"}`, 400, e{Code: "bad-request", Field: "Peer", Message: `unknown key: did you mean "peer"?`}},
		{"key of a new session", "PATCH", "/v1/sessions/11", `{"multihop": true}`, 400, e{Code: "bad-request", Field: "multihop", Message: "unknown key: there are congestion-ceiling-us, demand-mode, demand-poll-interval-us, desired-min-tx-us, detect-multiplier, dscp, echo-mode, echo-receive-interval-us, echo-transmit-interval-us, hold-down, hold-off-us, minimum-ttl, passive-mode, required-min-rx-us, shutdown, strict-interface"}},
		{"type", "POST", "/v1/sessions", `{"peer": 5}`, 400, e{Code: "bad-request", Field: "peer", Message: "5 is not an address in a string"}},
		{"number", "PATCH", "/v1/sessions/11", `{"desired-min-tx-us": "10ms"}`, 400, e{Code: "bad-request", Field: "desired-min-tx-us", Message: `"10ms" is not a whole number of microseconds from 100 to 4294967295`}},
		{"32 bits", "PATCH", "/v1/sessions/11", `{"required-min-rx-us": 4294967296}`, 400, e{Code: "bad-request", Field: "required-min-rx-us", Message: "4294967296 is not a whole number of microseconds from 0 to 4294967295"}},
		{"mult 256", "PATCH", "/v1/sessions/11", `{"detect-multiplier": 256}`, 400, e{Code: "bad-request", Field: "detect-multiplier", Message: "256 is not a whole number from 1 to 255"}},
		{"mult 0", "PATCH", "/v1/sessions/11", `{"detect-multiplier": 0}`, 422, e{Code: "invalid", Field: "detect-multiplier", Message: "0 packets cannot be missed: set 1 to 255 (3 is usual; with 1, one lost packet is a failure)"}},
		{"tx 0", "PATCH", "/v1/sessions/11", `{"desired-min-tx-us": 0}`, 422, e{Code: "invalid", Field: "desired-min-tx-us", Message: "0 is reserved by the protocol: set 100us or more, or shut the session down to silence it"}},
		{"rx 0", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "required-min-rx-us": 0}`, 422, e{Code: "invalid", Field: "required-min-rx-us", Message: "0 tells the peer to send nothing, and a session that hears nothing cannot stay up: set 1us or more, shut the session down, or keep it down by hold-down: true"}},
		{"no change", "PATCH", "/v1/sessions/11", `{"shutdown": null}`, 400, e{Code: "bad-request", Message: "nothing to change: give at least one key"}},
		{"no peer", "POST", "/v1/sessions", `{}`, 422, e{Code: "invalid", Field: "peer", Message: "is missing: give the address of the other end"}},
		{"family", "POST", "/v1/sessions", `{"peer": "192.0.2.1", "local": "2001:db8::1"}`, 422, e{Code: "invalid", Field: "local", Message: "2001:db8::1 is IPv6 but the peer 192.0.2.1 is IPv4: give a local address of the peer's family"}},
		{"too long", "POST", "/v1/sessions", `{"peer": "` + strings.Repeat("x", 1<<20), 413, e{Code: "bad-request", Message: "the body is longer than 1048576 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := request(four(), tt.method, tt.target, tt.body)
			var got struct{ Error e }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v in %q", err, w.Body)
			}
			if diff := cmp.Diff(tt.want, got.Error); diff != "" || w.Code != tt.status {
				t.Errorf("status %d, want %d (-want +got):\n%s", w.Code, tt.status, diff)
			}
		})
	}
	rows.Covers(t, "5880-6.8.1-11", "5880-4.1-06")
}

// TestBackendFails: whatever a Backend does, the client hears of it in the one
// shape of errors.
func TestBackendFails(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(*controltest.Backend)
		status int
		want   string
	}{
		{"its own word", func(b *controltest.Backend) { b.Err = control.Errorf(control.CodeUnavailable, "stopping") }, 503,
			`{"error":{"code":"unavailable","message":"stopping"}}`},
		{"any error", func(b *controltest.Backend) { b.Err = errors.New("disk on fire") }, 500,
			`{"error":{"code":"internal","message":"disk on fire"}}`},
		{"no answer", func(b *controltest.Backend) { b.Block = true }, 503,
			`{"error":{"code":"unavailable","message":"xbfd is too busy to answer: try again"}}`},
		{"panic", func(b *controltest.Backend) { b.Panic = true }, 500,
			`{"error":{"code":"internal","message":"a fault in xbfd: see its log"}}`},
	}
	requests := []struct{ method, target, body string }{
		{"GET", "/v1/sessions", ""},
		{"POST", "/v1/sessions", `{"peer": "192.0.2.3"}`},
		{"GET", "/v1/sessions/11", ""},
		{"GET", "/v1/sessions/192.0.2.1", ""},
		{"PATCH", "/v1/sessions/11", `{"shutdown": true}`},
		{"DELETE", "/v1/sessions/11", ""},
		{"POST", "/v1/reload", ""},
		{"GET", "/v1/status", ""},
		{"POST", "/v1/sessions/11/auth", `{"off": true}`},
		{"POST", "/v1/sessions/11/poll", ""},
		{"POST", "/v1/sessions/11/diag", `{"diagnostic": "path-down"}`},
		{"PUT", "/v1/sessions/11/clients/ospfd", "{}"},
		{"DELETE", "/v1/sessions/11/clients/ospfd", ""},
		{"GET", "/v1/echo-source", ""},
		{"PUT", "/v1/echo-source", `{"interface": "lo"}`},
		{"DELETE", "/v1/echo-source", ""},
		{"GET", "/v1/keys", ""},
		{"GET", "/v1/keys/1", ""},
		{"PUT", "/v1/keys/1", `{"type": "keyed-md5", "secret": "hunter2"}`},
		{"DELETE", "/v1/keys/1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := four()
			tt.spoil(b)
			var log bytes.Buffer
			server := control.NewServer(b, slog.New(slog.NewTextHandler(&log, nil)))
			for _, rq := range requests {
				ctx, cancel := context.WithCancel(t.Context())
				if b.Block {
					cancel() // stands for the deadline
				}
				w := httptest.NewRecorder()
				server.ServeHTTP(w, httptest.NewRequestWithContext(ctx, rq.method, rq.target, strings.NewReader(rq.body)))
				cancel()
				if got := strings.TrimSpace(w.Body.String()); w.Code != tt.status || got != tt.want {
					t.Errorf("%s %s: %d %s", rq.method, rq.target, w.Code, got)
				}
			}
			if logged := log.Len() > 0; logged != (tt.status == 500) {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// TestGarbage: bytes that are no HTTP cost the server nothing.
func TestGarbage(t *testing.T) {
	path := controltest.Serve(t, four())
	for _, text := range []string{"\x00\xff\x16\x03", "GET\r\n\r\n", "GET /v1/sessions HTTP/9.9\r\n\r\n", "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		conn.Close()
	}
	client := control.NewClient(path)
	defer client.Close()
	if list, err := client.Sessions(t.Context(), control.Filter{}); err != nil || len(list) != 4 {
		t.Errorf("after garbage: %d sessions, %v", len(list), err)
	}
}

func TestMethodNotAllowedSaysWhich(t *testing.T) {
	if got := request(four(), http.MethodPut, "/v1/sessions/11", "").Header().Get("Allow"); got != "DELETE, GET, PATCH" {
		t.Errorf("Allow: %q", got)
	}
}

// FuzzSessionSpec: no body makes the server panic, and what it accepts is a
// session that could run.
func FuzzSessionSpec(f *testing.F) {
	for _, body := range []string{
		`{"peer": "192.0.2.1", "local": "192.0.2.9", "interface": "eth0", "vrf": "default", "profile": "p", "dscp": 0}`,
		`{"peer": "fe80::1%eth0", "desired-min-tx-us": 100, "required-min-rx-us": 1, "detect-multiplier": 1}`,
		`{"peer": "2001:db8::1", "local": "2001:db8::2", "passive-mode": true, "shutdown": false}`,
		`{"peer": "192.0.2.1", "local": "192.0.2.2", "multihop": true, "minimum-ttl": 1}`, `{"peer": "192.0.2.1", "unaffiliated-echo": true}`,
		`{"echo-mode": true, "echo-transmit-interval-us": 100, "echo-receive-interval-us": 0, "demand-mode": true}`, `{"hold-down": true, "required-min-rx-us": 0}`,
		`{"peer": "192.0.2.1", "auth": {"key": 1, "bfd-key-id": 255}}`, `{"peer": "192.0.2.1", "auth": {"key": 256}}`, `{"auth": {"key": {}}}`, `{"peer": null}`, `{}`, `null`, `[`, `{"peer": "192.0.2.1"}{`, "{\"\xff\": 1}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, rq := range [][2]string{{"POST", "/v1/sessions"}, {"PATCH", "/v1/sessions/1"}} {
			b := controltest.New(controltest.Up(1, "192.0.2.250", "192.0.2.251", "eth9"))
			w := request(b, rq[0], rq[1], string(body))
			if w.Code >= 500 {
				t.Fatalf("%s: %d %s", rq[0], w.Code, w.Body)
			}
			if w.Code >= 300 {
				var got struct{ Error control.Error }
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Error.Code == "" || got.Error.Message == "" {
					t.Fatalf("%s: %v in %s", rq[0], err, w.Body)
				}
				continue
			}
			var s control.Session
			if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
			if !s.Peer.IsValid() || s.Peer.Zone() != "" || s.DesiredMinTx < 100 || s.RequiredMinRx == 0 && !s.HoldDown ||
				s.DetectMult == 0 || s.Multihop != (s.MinTTL > 0) || s.Echo.TxInterval > 0 && (s.Demand.Mode == "on" || s.Multihop) {
				t.Fatalf("%s accepted %s", rq[0], w.Body)
			}
		}
	})
}

package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares JSON, indented so that people can read what changed.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, got, "", "  "); err != nil {
		t.Fatalf("%s: %v in %s", name, err, got)
	}
	path := "testdata/" + name + ".golden.json"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// four is a Backend with sessions that need telling apart.
func four() *controltest.Backend {
	return controltest.New(
		controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"),
		controltest.Up(12, "192.0.2.2", "192.0.2.9", "eth0"),
		controltest.Up(13, "fe80::1", "fe80::9", "eth0"),
		controltest.Up(14, "fe80::1", "fe80::9", "eth1"),
	)
}

// request sends one request to a server for b, without a socket.
func request(b control.Backend, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	control.NewServer(b, nil).ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

func TestAnswers(t *testing.T) {
	b := controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"))
	b.Report = control.ReloadReport{Added: 1, Changed: 2, Warnings: []string{}, RestartNeeded: []string{"workers"}}
	tests := []struct {
		name, method, target, body string
		status                     int
	}{
		{"list", "GET", "/v1/sessions", "", 200},
		{"list-none", "GET", "/v1/sessions?state=init", "", 200},
		{"show", "GET", "/v1/sessions/11", "", 200},
		{"add", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "desired-min-tx-us": 100, "passive-mode": true, "local": ""}`, 201},
		{"change", "PATCH", "/v1/sessions/192.0.2.1", `{"detect-multiplier": 255, "shutdown": true}`, 200},
		{"reload", "POST", "/v1/reload", "", 200},
		{"status", "GET", "/v1/status", "", 200},
		{"counters", "GET", "/v1/counters", "", 200},
		{"config-set", "PUT", "/v1/config", "peers: [{peer: 192.0.2.1, dscp: 0}]", 200},
		{"config", "GET", "/v1/config", "", 200},
		{"debug-set", "PUT", "/v1/debug", `{"events": true, "peer": null}`, 200},
		{"debug", "GET", "/v1/debug", "", 200},
		{"profiles", "GET", "/v1/profiles", "", 200},
		{"clear-packets", "POST", "/v1/sessions/11/clear", `{"only-packets": true}`, 200},
		{"clear", "POST", "/v1/sessions/11/clear", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := request(b, tt.method, tt.target, tt.body)
			if w.Code != tt.status || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("status %d, want %d; type %q", w.Code, tt.status, w.Header().Get("Content-Type"))
			}
			golden(t, tt.name, w.Body.Bytes())
		})
	}
}

func TestDelete(t *testing.T) {
	b := four()
	if w := request(b, "POST", "/v1/sessions", `{"peer": "192.0.2.3"}`); w.Code != 201 {
		t.Fatalf("add: %d %s", w.Code, w.Body)
	}
	w := request(b, "DELETE", "/v1/sessions/192.0.2.3", "")
	if w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("delete: %d %q", w.Code, w.Body)
	}
	if diff := cmp.Diff([]uint32{11, 12, 13, 14}, b.IDs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSelection(t *testing.T) {
	tests := []struct {
		target string
		want   []uint32
	}{
		{"/v1/sessions", []uint32{11, 12, 13, 14}},
		{"/v1/sessions?peer=fe80::1", []uint32{13, 14}},
		{"/v1/sessions?peer=fe80::1%25eth1", []uint32{14}},
		{"/v1/sessions?interface=eth0&local=192.0.2.9&vrf=default&state=up", []uint32{11, 12}},
		{"/v1/sessions?vrf=red", nil},
		{"/v1/sessions/12", []uint32{12}},
		{"/v1/sessions/192.0.2.2", []uint32{12}},
		{"/v1/sessions/fe80::1?interface=eth0", []uint32{13}},
		{"/v1/sessions/fe80::1%25eth1?local=fe80::9&vrf=default", []uint32{14}},
	}
	for _, tt := range tests {
		w := request(four(), "GET", tt.target, "")
		text := w.Body.Bytes()
		if !bytes.HasPrefix(text, []byte("[")) {
			text = []byte("[" + string(text) + "]")
		}
		var list []control.Session
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v in %s", tt.target, err, text)
		}
		var got []uint32
		for _, s := range list {
			got = append(got, s.LocalDiscriminator)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.target, diff)
		}
	}
}

// TestNothingIsNull: what a Backend leaves nil is an empty list or object.
func TestNothingIsNull(t *testing.T) {
	for _, rq := range [][2]string{{"GET", "/v1/keys"}, {"GET", "/v1/sessions"}, {"GET", "/v1/sessions/7"}, {"GET", "/v1/status"}, {"POST", "/v1/reload"}, {"GET", "/v1/echo-source"},
		{"GET", "/v1/counters"}, {"GET", "/v1/profiles"}} {
		w := request(bare{}, rq[0], rq[1], "")
		text := strings.ReplaceAll(w.Body.String(), `"last-change":null`, "")
		text = strings.ReplaceAll(text, `"auth":null`, "")
		text = strings.ReplaceAll(text, `"last-reload":null`, "")
		text = strings.ReplaceAll(text, `"min-us":null`, "")
		text = strings.ReplaceAll(text, `"last-rx-us":null`, "")
		text = strings.ReplaceAll(text, `"gobgp":null`, "")
		if w.Code != 200 || strings.Contains(text, "null") {
			t.Errorf("%s: %d %s", rq[1], w.Code, text)
		}
	}
}

// bare answers zero values.
type bare struct{ control.Backend }

func (bare) Sessions(context.Context, control.Filter) ([]control.Session, error) {
	return []control.Session{{}}, nil
}
func (bare) EachSession(_ context.Context, _ control.Filter, fn func(*control.Session) error) error {
	return fn(&control.Session{})
}
func (bare) Session(context.Context, uint32) (control.Session, error) { return control.Session{}, nil }
func (bare) Reload(context.Context) (control.ReloadReport, error)     { return control.ReloadReport{}, nil }
func (bare) EchoSource(context.Context) (config.EchoSource, error)    { return config.EchoSource{}, nil }
func (bare) Keys(context.Context) ([]control.Key, error)              { return nil, nil }
func (bare) Status(context.Context) (control.Status, error) {
	return control.Status{Interfaces: []control.InterfaceStatus{{}}}, nil
}
func (bare) Profiles(context.Context) ([]control.Profile, error) {
	return []control.Profile{{Settings: json.RawMessage("{}")}}, nil
}
func (bare) Totals(context.Context) (control.Totals, error) {
	return control.Totals{Interfaces: []control.InterfaceCounters{{}}}, nil
}

package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control"
)

// FuzzRequests: whatever somebody sends, the answer is none of a fault of xbfd's
// own, and a refusal is an object that says what is wrong.
func FuzzRequests(f *testing.F) {
	for _, op := range operations {
		method, path, _ := strings.Cut(op.route, " ")
		if op.at != "" {
			path = op.at
		}
		f.Add(method, strings.ReplaceAll(path, "{id}", "11"), op.example)
		f.Add(method, strings.ReplaceAll(path, "{id}", "fe80::1%25eth1")+"?interface=eth1&vrf=default", strings.ReplaceAll(op.example, ":", ":null,\"x\":"))
	}
	f.Add("PATCH", "/v1/sessions/0", `{"desired-min-tx-us": 1e400, "detect-multiplier": -1, "dscp": "48"}`)
	f.Add("PUT", "/v1/config", "a: &a [*a]\n")
	f.Add("DELETE", "/v1/keys/99999999999999999999", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequest(method, "http://xbfd/", strings.NewReader(body))
		if err != nil {
			return // no client could send it
		}
		if r.URL, err = r.URL.Parse(target); err != nil || strings.HasSuffix(r.URL.Path, "/events") {
			return // events may go on for ever; they take no body
		}
		b := four()
		b.AddKey(1, "keyed-sha1")
		w := httptest.NewRecorder()
		control.NewServer(b, nil).ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
		}
		if w.Code < 400 {
			return
		}
		var e client.Envelope
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == nil || e.Error.Code == "" || e.Error.Message == "" {
			t.Fatalf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
		}
	})
}

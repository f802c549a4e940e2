package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// keyed is a Backend with keys of each owner, one of which is in use.
func keyed(t testing.TB) *controltest.Backend {
	b := four()
	b.AddKey(1, "keyed-sha1")
	b.AddKey(300, "meticulous-keyed-sha1")
	for _, rq := range [][3]string{
		{"PUT", "/v1/keys/2", `{"type": "keyed-md5", "secret": "hunter2"}`},
		{"PUT", "/v1/keys/3", `{"type": "frr-hmac-sha1", "secret-hex": "68756E74657232"}`},
		{"POST", "/v1/sessions/13/auth", `{"key": 2, "bfd-key-id": 9}`},
	} {
		if w := request(b, rq[0], rq[1], rq[2]); w.Code != 200 {
			t.Fatalf("%s: %d %s", rq[1], w.Code, w.Body)
		}
	}
	return b
}

func TestKeyAnswers(t *testing.T) {
	b := keyed(t)
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
	}{
		{"keys", "GET", "/v1/keys", "", 200},
		{"key", "GET", "/v1/keys/2", "", 200},
		{"key-put", "PUT", "/v1/keys/4294967295", `{"type": "simple-password", "secret": "hunter2", "secret-hex": null}`, 200},
		{"auth", "POST", "/v1/sessions/11/auth", `{"key": 1}`, 200},
		{"auth-pending", "POST", "/v1/sessions/fe80::1/auth?interface=eth0", `{"off": true, "delayed": true}`, 200},
		{"auth-add", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "auth": {"key": 300, "bfd-key-id": 0}}`, 201},
		{"auth-off", "POST", "/v1/sessions/11/auth", `{"off": true}`, 200},
	} {
		w := request(b, tt.method, tt.target, tt.body)
		if w.Code != tt.status {
			t.Errorf("%s: status %d, %s", tt.name, w.Code, w.Body)
			continue
		}
		golden(t, tt.name, w.Body.Bytes())
	}
	if w := request(b, "DELETE", "/v1/keys/3", ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("delete: %d %s", w.Code, w.Body)
	}
	if w := request(b, "GET", "/v1/keys/3", ""); w.Code != 404 {
		t.Errorf("after delete: %d %s", w.Code, w.Body)
	}
}

func TestKeyErrors(t *testing.T) {
	type e = control.Error
	sha := func(rest string) string { return `{"type": "keyed-sha1", ` + rest + `}` }
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       e
	}{
		{"id", "PUT", "/v1/keys/first", sha(`"secret": "x"`), 400, e{Code: "bad-request", Message: `"first" is not the number of a key, 0 to 4294967295`}},
		{"id too big", "DELETE", "/v1/keys/4294967296", "", 400, e{Code: "bad-request", Message: `"4294967296" is not the number of a key, 0 to 4294967295`}},
		{"query", "GET", "/v1/keys?id=1", "", 400, e{Code: "bad-request", Field: "id", Message: "unknown parameter: this route takes none"}},
		{"no key", "GET", "/v1/keys/99", "", 404, e{Code: "not-found", Message: "no key 99"}},
		{"no key to delete", "DELETE", "/v1/keys/99", "", 404, e{Code: "not-found", Message: "no key 99"}},
		{"method", "POST", "/v1/keys/1", "", 405, e{Code: "bad-request", Message: "POST is not for this route: it takes DELETE, GET, PUT"}},
		{"the file's", "PUT", "/v1/keys/1", sha(`"secret": "hunter2"`), 403, e{Code: "not-owner", Message: "key 1 belongs to the file: change it there"}},
		{"the file's to delete", "DELETE", "/v1/keys/1", "", 403, e{Code: "not-owner", Message: "key 1 belongs to the file: change it there"}},
		{"in use", "PUT", "/v1/keys/2", sha(`"secret": "hunter2"`), 409, e{Code: "in-use", Message: "key 2 is in use by 1"}},
		{"in use to delete", "DELETE", "/v1/keys/2", "", 409, e{Code: "in-use", Message: "key 2 is in use by 1"}},
		{"key of the body", "PUT", "/v1/keys/5", sha(`"secrte": "hunter2"`), 400, e{Code: "bad-request", Field: "secrte", Message: `unknown key: did you mean "secret"?`}},
		{"no type", "PUT", "/v1/keys/5", `{"secret": "hunter2"}`, 422, e{Code: "invalid", Field: "type", Message: "is missing: give one of simple-password, keyed-md5, meticulous-keyed-md5, keyed-sha1, meticulous-keyed-sha1, frr-hmac-sha1"}},
		{"near type", "PUT", "/v1/keys/5", `{"type": "keyed-sha", "secret": "hunter2"}`, 422, e{Code: "invalid", Field: "type", Message: `unknown type: did you mean "keyed-sha1"?`}},
		{"type", "PUT", "/v1/keys/5", `{"type": "hunter2", "secret": "hunter2"}`, 422, e{Code: "invalid", Field: "type", Message: "unknown type: there are simple-password, keyed-md5, meticulous-keyed-md5, keyed-sha1, meticulous-keyed-sha1, frr-hmac-sha1"}},
		{"type of type", "PUT", "/v1/keys/5", `{"type": ["hunter2"]}`, 400, e{Code: "bad-request", Field: "type", Message: "is not a string"}},
		{"type of secret", "PUT", "/v1/keys/5", sha(`"secret": ["hunter2"]`), 400, e{Code: "bad-request", Field: "secret", Message: "is not a string"}},
		{"no secret", "PUT", "/v1/keys/5", sha(`"secret": null`), 422, e{Code: "invalid", Field: "secret", Message: "is missing: give secret or secret-hex"}},
		{"two secrets", "PUT", "/v1/keys/5", sha(`"secret": "hunter2", "secret-hex": "00"`), 422, e{Code: "invalid", Field: "secret-hex", Message: "is a second secret: give secret or secret-hex, not both"}},
		{"not hex", "PUT", "/v1/keys/5", sha(`"secret-hex": "00hunter2"`), 400, e{Code: "bad-request", Field: "secret-hex", Message: "character 3 is no hexadecimal digit: write two of 0-9 and a-f for each byte"}},
		{"half a byte", "PUT", "/v1/keys/5", sha(`"secret-hex": "001"`), 400, e{Code: "bad-request", Field: "secret-hex", Message: "3 hexadecimal digits are not whole bytes: write two for each"}},
		{"not UTF-8", "PUT", "/v1/keys/5", sha("\"secret\": \"hunter2\xff\""), 400, e{Code: "bad-request", Field: "secret", Message: "is not text in UTF-8: give its bytes in hexadecimal instead"}},

		{"no such key", "POST", "/v1/sessions/11/auth", `{"key": 99}`, 422, e{Code: "invalid", Field: "key", Message: "no key 99"}},
		{"no id", "POST", "/v1/sessions/11/auth", `{"key": 300}`, 422, e{Code: "invalid", Field: "bfd-key-id", Message: "is missing: key id 300 does not fit the one byte that packets have for it, so give 0 to 255, the same as at the peer"}},
		{"id 256", "POST", "/v1/sessions/11/auth", `{"key": 1, "bfd-key-id": 256}`, 400, e{Code: "bad-request", Field: "bfd-key-id", Message: "256 is not a whole number from 0 to 255"}},
		{"on and off", "POST", "/v1/sessions/11/auth", `{"key": 1, "off": true}`, 400, e{Code: "bad-request", Field: "off", Message: "takes no key: give key or off"}},
		{"neither", "POST", "/v1/sessions/11/auth", `{"delayed": true}`, 400, e{Code: "bad-request", Field: "key", Message: "is missing: give the id of a key, or off"}},
		{"which", "POST", "/v1/sessions/fe80::2/auth", `{"off": true}`, 404, e{Code: "not-found", Message: "no session with peer fe80::2"}},
		{"new with no such key", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "auth": {"key": 99}}`, 422, e{Code: "invalid", Field: "key", Message: "no key 99"}},
		{"new without key", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "auth": {}}`, 400, e{Code: "bad-request", Field: "auth", Message: "names no key: give the id of one, or off"}},
		{"new by number", "POST", "/v1/sessions", `{"peer": "192.0.2.3", "auth": 1}`, 400, e{Code: "bad-request", Field: "auth", Message: `1 is not an object as in {"key": 1, "bfd-key-id": 1}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			w := httptest.NewRecorder()
			control.NewServer(keyed(t), slog.New(slog.NewTextHandler(&log, nil))).
				ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body)))
			var got struct{ Error e }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v in %q", err, w.Body)
			}
			if diff := cmp.Diff(tt.want, got.Error); diff != "" || w.Code != tt.status {
				t.Errorf("status %d, want %d (-want +got):\n%s", w.Code, tt.status, diff)
			}
			if text := w.Body.String() + log.String(); strings.Contains(text, "hunter2") {
				t.Errorf("a secret is shown: %s", text)
			}
		})
	}
}

// TestSecretLengths: of each type the API takes what RFC 5880 allows, as text
// and in hexadecimal, and nothing else.
func TestSecretLengths(t *testing.T) {
	put := func(kind, form, secret string) int {
		return request(four(), "PUT", "/v1/keys/1", fmt.Sprintf(`{"type": %q, %q: %q}`, kind, form, secret)).Code
	}
	for kind, most := range map[string]int{
		"simple-password": 16, "keyed-md5": 16, "meticulous-keyed-md5": 16,
		"keyed-sha1": 20, "meticulous-keyed-sha1": 20, "frr-hmac-sha1": 20,
	} {
		for n, want := range map[int]int{0: 422, 1: 200, most: 200, most + 1: 422, 1000: 422} {
			text := strings.Repeat("x", n)
			if got := put(kind, "secret", text); got != want {
				t.Errorf("%s, %d bytes: status %d", kind, n, got)
			}
			if got := put(kind, "secret-hex", fmt.Sprintf("%x", text)); got != want {
				t.Errorf("%s, %d bytes in hexadecimal: status %d", kind, n, got)
			}
		}
	}
	rows.Covers(t, "5880-6.7.2-02", "5880-6.7.3-04", "5880-6.7.4-03")
}

// TestKeyRoundTrip: what a Client sends arrives, and nothing prints the secret.
func TestKeyRoundTrip(t *testing.T) {
	b := &recorder{Backend: keyed(t)}
	c := control.NewClient(controltest.Serve(t, b))
	defer c.Close()
	ctx := t.Context()
	spec := client.KeySpec{Type: "frr-hmac-sha1", Secret: packet.NewSecret([]byte("hunter2\x00\xff"))}
	arrived := control.KeySpec{Method: packet.AuthMethod{Type: packet.AuthKeyedSHA1, HMAC: true}, Secret: spec.Secret}
	k, err := c.SetKey(ctx, 7, spec)
	if want := (control.Key{ID: 7, Type: "frr-hmac-sha1", Owner: "api"}); k != want || err != nil || b.spec != arrived {
		t.Errorf("set: %+v, %v; arrived %+v", k, err, b.spec)
	}
	text, _ := json.Marshal(spec)
	if shown := fmt.Sprintf("%v %+v %#v %s", spec, spec, spec, text); strings.Contains(shown, "hunter2") || !strings.Contains(shown, "***") {
		t.Errorf("shown: %s", shown)
	}
	s, err := c.SetAuth(ctx, control.Target{X: "fe80::1", Interface: "eth1"}, control.AuthChange{Key: ptr(uint32(7)), KeyID: ptr(uint8(13)), Delayed: true})
	want := &control.SessionAuth{AuthUse: control.AuthUse{Type: "none"}, Pending: &control.AuthUse{Type: "frr-hmac-sha1", Key: 7, KeyID: 13}}
	if diff := cmp.Diff(want, s.Auth); diff != "" || err != nil || s.LocalDiscriminator != 14 {
		t.Errorf("auth: %v (-want +got):\n%s", err, diff)
	}
	list, err := c.Keys(ctx)
	if err != nil || len(list) != 5 || list[3] != (control.Key{ID: 7, Type: "frr-hmac-sha1", Owner: "api", Uses: 1}) {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := c.DeleteKey(ctx, 3); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.DeleteKey(ctx, 7); err == nil {
		t.Error("a key in use was deleted")
	}
}

// recorder keeps the secret that a Backend is given.
type recorder struct {
	*controltest.Backend
	spec control.KeySpec
}

func (r *recorder) SetKey(ctx context.Context, id uint32, spec control.KeySpec) (control.Key, error) {
	r.spec = spec
	return r.Backend.SetKey(ctx, id, spec)
}

// FuzzKeySpec: no body makes the server panic, and what it accepts is a key.
func FuzzKeySpec(f *testing.F) {
	for _, body := range []string{
		`{"type": "keyed-sha1", "secret": "hunter2"}`, `{"type": "simple-password", "secret-hex": "00FFaa"}`,
		`{"type": "keyed-md5", "secret": ""}`, `{"type": "frr-hmac-sha1", "secret-hex": "0"}`, `{"type": null, "secret": null}`,
		`{"key": 1, "bfd-key-id": 2, "delayed": true}`, `{"off": true}`, "{\"type\": \"keyed-md5\", \"secret\": \"\xff\"}", `{}`, `null`, `[`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := &recorder{Backend: four()}
		b.AddKey(1, "keyed-sha1")
		if w := request(b, "PUT", "/v1/keys/5", string(body)); w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		} else if n := b.spec.Secret.Len(); w.Code == 200 && (n < 1 || n > b.spec.Method.Type.MaxSecret() || config.KeyTypeName(b.spec.Method) == "none") {
			t.Fatalf("accepted %s as %+v", body, b.spec)
		}
		if w := request(b, "POST", "/v1/sessions/11/auth", string(body)); w.Code >= 500 {
			t.Fatalf("auth: %d %s", w.Code, w.Body)
		}
	})
}

package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

// happened is one event of each shape.
func happened() []control.Event { return controltest.Events() }

// TestEventLines is the shape of each event on the wire.
func TestEventLines(t *testing.T) {
	b := four()
	b.Happened = happened()
	w := request(b, http.MethodGet, "/v1/events?since=0&follow=false", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/x-ndjson" || !w.Flushed {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	lines := strings.TrimSuffix(w.Body.String(), "\n")
	golden(t, "events", []byte("["+strings.ReplaceAll(lines, "\n", ",")+"]"))
}

// TestEventsRoundTrip: they arrive at a client as they happened.
func TestEventsRoundTrip(t *testing.T) {
	b := four()
	b.Happened = happened()
	c := control.NewClient(controltest.Serve(t, b))
	defer c.Close()
	for _, tt := range []struct {
		name string
		q    control.EventQuery
		want []control.Event
	}{
		{"all", control.EventQuery{Since: ptr(uint64(0))}, happened()},
		{"some", control.EventQuery{
			Since: &happened()[0].Seq, Types: []string{"session-down", "session-up"},
			Peer: netip.MustParseAddr("192.0.2.1"), Local: netip.MustParseAddr("192.0.2.9"), Interface: "eth0",
		}, happened()[1:2]},
		{"none", control.EventQuery{Interface: "eth9"}, nil},
	} {
		tt.q.Once = true
		var got []control.Event
		err := c.Events(t.Context(), tt.q, func(ev control.Event) error { got = append(got, ev); return nil })
		if diff := cmp.Diff(tt.want, got, addrs); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestEventsRefused(t *testing.T) {
	for query, want := range map[string]string{
		"since=first":     `since: "first" is not the seq of an event`,
		"since=-1":        `since: "-1" is not the seq of an event`,
		"since=1&since=2": "since: stands more than once",
		"follow=no":       `follow: "no" is not true or false`,
		"type=up":         `type: "up" is not one of session-up, `,
		"type=":           `type: "" is not one of session-up, `,
		"peer=router":     "peer: ",
		"sinse=1":         `sinse: unknown parameter: did you mean "since"?`,
		"state=up":        "state: unknown parameter: ",
		"%zz":             "the query cannot be read",
	} {
		w := request(four(), http.MethodGet, "/v1/events?"+query, "")
		var answer struct{ Error control.Error }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		e := &answer.Error
		if w.Code != http.StatusBadRequest || e.Code != control.CodeBadRequest || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%s: %d, %v, want %s…", query, w.Code, e, want)
		}
	}
	if w := request(four(), http.MethodPost, "/v1/events", "{}"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
		t.Errorf("POST: %d, %v", w.Code, w.Header())
	}
	b := four()
	b.Err = control.Errorf(control.CodeInvalid, "no")
	if w := request(b, http.MethodGet, "/v1/events", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("refused by the daemon: %d", w.Code)
	}
}

// FuzzEventQuery: whatever somebody asks for, the answer is events, one a line, or
// an error that says what is wrong.
func FuzzEventQuery(f *testing.F) {
	for _, query := range []string{
		"", "since=0", "since=18446744073709551616", "type=stall,near-miss&follow=false", "peer=fe80::1%25eth0&local=", "a=%zz", "since=1;peer=2",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
		r.URL.RawQuery = query
		b := four()
		b.Happened = happened()
		w := httptest.NewRecorder()
		control.NewServer(b, nil).ServeHTTP(w, r)
		lines := json.NewDecoder(w.Body)
		for lines.More() {
			var line struct {
				Seq   uint64
				Error *control.Error
			}
			if err := lines.Decode(&line); err != nil || (w.Code == http.StatusOK) != (line.Seq > 0) || (w.Code == http.StatusBadRequest) != (line.Error != nil) {
				t.Fatalf("%q: %d, %+v, %v", query, w.Code, line, err)
			}
		}
	})
}

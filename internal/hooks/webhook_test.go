package hooks

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func post(t testing.TB, url, more string) *job {
	t.Helper()
	h := parse(t, fmt.Sprintf("hooks: [{on: down, url: %q%s}]", url, more))[0]
	ev := event("down", 1)
	return &job{hook: &h, ev: *ev, word: ev.word()}
}

func TestWebhook(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("X-Token"), string(body))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	j := post(t, s.URL+"/a?b=c", ", header: {name: X-Token, secret: hunter2}")
	if res := newRunner(t).post(t.Context(), j); res.err != nil || res.retries != 0 {
		t.Fatalf("%+v", res)
	}
	want := []string{"POST", "/a?b=c", "application/json", "hunter2", string(j.ev.body())}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is wrong for good is not tried again, and nothing goes to another host.
func TestWebhookRefused(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/get":
			http.Redirect(w, r, "/fine", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusPermanentRedirect)
		case "/here":
			http.Redirect(w, r, "/fine", http.StatusTemporaryRedirect)
		case "/no":
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer s.Close()
	tls := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	for _, tt := range []struct {
		url, want string
		asked     int32
	}{
		{s.URL + "/no", "answered 403 Forbidden", 1},
		{s.URL + "/other", "only its own host is followed", 1},
		{s.URL + "/get", "does not repeat the body", 1},
		{s.URL + "/round", "redirected more than 3 times", 4},
		{s.URL + "/here", "<nil>", 2},
		{tls.URL, "certificate signed by unknown authority", 0},
	} {
		asked.Store(0)
		res := newRunner(t).post(t.Context(), post(t, tt.url, ", retries: 0"))
		if !strings.Contains(fmt.Sprint(res.err), tt.want) || asked.Load() != tt.asked || res.retries != 0 {
			t.Errorf("%s: %+v after %d requests, want %s", tt.url, res, asked.Load(), tt.want)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the event went to another host")
	}
}

func TestWebhookTimesOut(t *testing.T) {
	given := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-given }))
	defer s.Close()
	defer close(given)
	res := newRunner(t).post(t.Context(), post(t, s.URL, ", timeout: 50ms, retries: 0"))
	if !res.timedOut || fmt.Sprint(res.err) != "no answer within 50ms" {
		t.Errorf("%+v", res)
	}
}

// fails is a transport that is never reached, in virtual time.
type fails struct {
	answer func(n int) (*http.Response, error)
	at     []time.Duration
	began  time.Time
}

func (f *fails) RoundTrip(*http.Request) (*http.Response, error) {
	f.at = append(f.at, time.Since(f.began))
	return f.answer(len(f.at))
}

func TestWebhookRetries(t *testing.T) {
	status := func(code int) (*http.Response, error) {
		return &http.Response{StatusCode: code, Status: fmt.Sprint(code), Body: http.NoBody}, nil
	}
	for name, tt := range map[string]struct {
		answer func(n int) (*http.Response, error)
		at     []time.Duration // seconds
		err    string
	}{
		"unreachable":   {func(int) (*http.Response, error) { return nil, fmt.Errorf("connection refused") }, []time.Duration{0, 1, 3, 7}, "connection refused"},
		"overloaded":    {func(int) (*http.Response, error) { return status(503) }, []time.Duration{0, 1, 3, 7}, "answered 503"},
		"comes back":    {func(n int) (*http.Response, error) { return status(map[bool]int{true: 429, false: 204}[n < 3]) }, []time.Duration{0, 1, 3}, "<nil>"},
		"wrong forever": {func(int) (*http.Response, error) { return status(400) }, []time.Duration{0}, "answered 400"},
	} {
		t.Run(name, func(t *testing.T) {
			j := post(t, "http://192.0.2.9/", "")
			synctest.Test(t, func(t *testing.T) {
				f := &fails{answer: tt.answer, began: time.Now()}
				r := &Runner{web: &http.Client{Transport: f}}
				res := r.post(t.Context(), j)
				for i := range f.at {
					f.at[i] /= time.Second
				}
				if diff := cmp.Diff(tt.at, f.at); diff != "" || fmt.Sprint(res.err) != tt.err || res.retries != len(tt.at)-1 {
					t.Errorf("%+v, requests at (-want +got):\n%s", res, diff)
				}
			})
		})
	}
	j := post(t, "http://192.0.2.9/", "")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		f := &fails{answer: func(int) (*http.Response, error) { return nil, io.EOF }, began: time.Now()}
		if res := (&Runner{web: &http.Client{Transport: f}}).post(ctx, j); res.err == nil || len(f.at) != 2 || time.Since(f.began) != 2*time.Second {
			t.Errorf("told to end after 2s: %+v after %v", res, time.Since(f.began))
		}
	})
}

package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// hookFile returns hooks: one that writes down what it gets, one whose program is
// missing and one that hangs.
func hookFile(dir, word string) string {
	return fmt.Sprintf(`
hooks:
  - name: notes
    on: [up, down, admin-down]
    run: [/bin/sh, -c, "cat >> %[1]s/events; echo %[2]s $XBFD_EVENT $1 >> %[1]s/said", sh, "{peer} {diagnostic}"]
    dampening: off
  - {name: missing, on: up, run: [/no/such/program]}
  - {name: hangs, on: up, run: [/bin/sleep, "100"], timeout: 100ms}
`, dir, word)
}

func lines(t testing.TB, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

// TestHooks: what happens to a session is told to commands, in order and as the API
// tells it, and those that hang or fail disturb nothing.
func TestHooks(t *testing.T) {
	testnet.RequireRoot(t)
	t.Parallel()
	dir := t.TempDir()
	file := hookFile(dir, "old")
	a, b := two(t, file, "")
	waitUp(t, a, b)
	said := func(want ...string) {
		t.Helper()
		testnet.Eventually(t, 10*time.Second, fmt.Sprintf("hook says %q", want), func() bool { return len(lines(t, filepath.Join(dir, "said"))) >= len(want) })
		if diff := cmp.Diff(want, lines(t, filepath.Join(dir, "said"))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	set := func(e *end, c control.SessionChange) {
		t.Helper()
		if _, err := e.Change(t.Context(), e.self(), c); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	said("old up 192.0.2.2 none")
	set(b, control.SessionChange{HoldDown: &yes})
	said("old up 192.0.2.2 none", "old down 192.0.2.2 neighbor-down")
	set(b, control.SessionChange{HoldDown: &no})
	waitUp(t, a, b)
	// A reload in between: from now on there is another command.
	r, err := a.reload(strings.ReplaceAll(file, "old", "new"))
	if err != nil || !slices.Contains(r.Settings, "hooks") {
		t.Errorf("reload: %+v, %v", r, err)
	}
	set(b, control.SessionChange{Shutdown: &yes})
	testnet.Eventually(t, 10*time.Second, "four lines", func() bool { return len(lines(t, filepath.Join(dir, "said"))) == 4 })
	if got := lines(t, filepath.Join(dir, "said"))[3]; got != "new admin-down 192.0.2.2 neighbor-down" {
		t.Errorf("the last is %q", got)
	}
	checkBodies(t, a, lines(t, filepath.Join(dir, "events")))

	var st control.Status
	testnet.Eventually(t, 10*time.Second, "all hooks have ended", func() bool {
		st, err = a.Status(t.Context())
		return err == nil && !slices.ContainsFunc(st.Hooks, func(h control.HookStatus) bool { return h.Running+h.Waiting > 0 })
	})
	var got []string
	for _, h := range st.Hooks {
		got = append(got, fmt.Sprintf("%s: %d done, %d failed, %d timed out", h.Name, h.Done, h.Failed, h.TimedOut))
	}
	want := []string{"notes: 4 done, 0 failed, 0 timed out", "missing: 0 done, 2 failed, 0 timed out", "hangs: 0 done, 2 failed, 2 timed out"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if c := a.session().Counters; c.Up != 2 || c.Down != 2 {
		t.Errorf("the session has flapped: %+v", c)
	}
	all := strings.Join(st.Warnings, "\n")
	for _, w := range []string{"/no/such/program cannot be run", "hook missing: the latest run failed: start /no/such/program: no such file or directory", "hook hangs: the latest run failed: killed after 100ms"} {
		if !strings.Contains(all, w) {
			t.Errorf("no warning says %q:\n%s", w, all)
		}
	}
}

// checkBodies compares what came on standard input with what the API has.
func checkBodies(t *testing.T, e *end, got []string) {
	t.Helper()
	var since uint64
	told := make(map[uint64]string)
	q := control.EventQuery{Since: &since, Once: true}
	if err := e.Events(t.Context(), q, func(ev control.Event) error {
		b, err := json.Marshal(ev)
		told[ev.Seq] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, line := range got {
		var ev control.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(told[ev.Seq], line); diff != "" {
			t.Errorf("event %d (-API +hook):\n%s", ev.Seq, diff)
		}
	}
}

// TestHooksStayTheFiles: who may write to the socket cannot have the daemon run
// commands; taking them away is possible.
func TestHooksStayTheFiles(t *testing.T) {
	testnet.RequireRoot(t)
	t.Parallel()
	a, _ := two(t, "\nhooks: [{name: n, on: up, url: 'http://192.0.2.9/', header: {name: X-A, secret: "+marker+"}}]", "")
	now, err := a.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(now), marker) {
		t.Errorf("the secret is shown: %s", now)
	}
	if _, err := a.SetConfig(t.Context(), now); err != nil {
		t.Errorf("the same: %v", err)
	}
	_, err = a.SetConfig(t.Context(), []byte(strings.Replace(string(now), "192.0.2.9", "192.0.2.8", 1)))
	refused(t, err, control.CodeInvalid, "change them in the file")
	if _, err := a.SetConfig(t.Context(), []byte("{}")); err != nil {
		t.Errorf("none: %v", err)
	}
	if st, err := a.Status(t.Context()); err != nil || len(st.Hooks) != 0 {
		t.Errorf("%+v, %v", st.Hooks, err)
	}
}

// TestWebhookEndToEnd: the failure of a session reaches a server at its other end.
func TestWebhookEndToEnd(t *testing.T) {
	testnet.RequireRoot(t)
	t.Parallel()
	left, right := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, left, "eth0", right, "eth0")
	left.AddAddr(t, "eth0", "192.0.2.1/24")
	right.AddAddr(t, "eth0", "192.0.2.2/24")
	var listener net.Listener
	if err := right.Do(func() (err error) { listener, err = net.Listen("tcp", "192.0.2.2:8080"); return err }); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 8)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("X-Token") + " " + string(body)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	a := startEnd(t, left, "udp", "192.0.2.1", "192.0.2.2",
		"\nhooks: [{on: down, url: 'http://192.0.2.2:8080/bfd', header: {name: X-Token, secret: "+marker+"}}]")
	b := startEnd(t, right, "udp", "192.0.2.2", "192.0.2.1", "")
	waitUp(t, a, b)
	yes := true
	if _, err := b.Change(t.Context(), b.self(), control.SessionChange{HoldDown: &yes}); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-got:
		token, body, _ := strings.Cut(text, " ")
		if token != marker {
			t.Errorf("header %q", token)
		}
		checkBodies(t, a, []string{strings.TrimSuffix(body, "\n")})
	case <-time.After(10 * time.Second):
		t.Fatal("nothing has come")
	}
}

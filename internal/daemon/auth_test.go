package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestAuthWithoutAFlap turns authentication on, changes the key and turns it
// off again, at one end after the other.
func TestAuthWithoutAFlap(t *testing.T) {
	t.Parallel()
	a, b := two(t, "", "")
	for _, e := range []*end{a, b} {
		for id, kind := range map[uint32]string{1: "meticulous-keyed-sha1", 2: "meticulous-keyed-sha1", 300: "keyed-md5"} {
			if err := e.setKey(id, kind, fmt.Sprint(marker, id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	waitUp(t, a, b)
	settled(t, "none", a, b)

	for _, step := range []struct {
		name          string
		first, second *end
		key           uint32
		before, after string
	}{
		{"on", a, b, 1, "none", "meticulous-keyed-sha1 1/13"},
		{"another key", b, a, 2, "meticulous-keyed-sha1 1/13", "meticulous-keyed-sha1 2/13"},
		{"another type", b, a, 300, "meticulous-keyed-sha1 2/13", "keyed-md5 300/13"},
		{"off", a, b, 0, "keyed-md5 300/13", "none"},
	} {
		step.first.change(step.key, 13, true)
		if got, want := step.first.auth(), step.before+" then "+step.after; got != want {
			t.Errorf("%s: delayed %s, want %s", step.name, got, want)
		}
		settled(t, step.before, step.second)
		step.second.change(step.key, 13, false)
		settled(t, step.after, a, b)
		if n := strings.Count(step.first.log.String(), "authentication switched"); n == 0 {
			t.Errorf("%s: nothing in the log\n%s", step.name, &step.first.log)
		}
		if step.name == "another key" {
			// Key 1 is not needed any more.
			for _, e := range []*end{a, b} {
				if err := e.DeleteKey(t.Context(), 1); err != nil {
					t.Errorf("delete key 1: %v", err)
				}
			}
		}
	}
	for _, e := range []*end{a, b} {
		if got := e.keys(); got != "2:api:0 300:api:0" {
			t.Errorf("keys %s", got)
		}
	}
	rows.CoversOn(t, rows.Wire, "5880-6.7.1-03")
}

// TestAuthByReload moves a session to another key by the files of both ends.
func TestAuthByReload(t *testing.T) {
	t.Parallel()
	const one = ", auth: {key: 1}\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}]\n"
	const other = ", auth: {key: 2}\nkeys: [{id: 2, type: meticulous-keyed-sha1, secret: hunter2}]\n"
	a, b := two(t, one, one)
	waitUp(t, a, b)
	settled(t, "keyed-sha1 1/1", a, b)

	// A key in use is not changed, nor is anything else of that file.
	bad := strings.NewReplacer(marker, marker+"!", "{key: 1}", "{key: 1}, shutdown: true").Replace(one)
	_, err := a.reload(bad)
	refused(t, err, control.CodeInUse, "xbfd.yaml:5: key 1 is in use (1) and cannot be changed: add a key with a new id")
	if st, _ := a.Status(t.Context()); st.LastReload == nil || !strings.Contains(st.LastReload.Error, "key 1 is in use") {
		t.Errorf("last reload %+v", st.LastReload)
	}

	for _, e := range []*end{a, b} {
		report, err := e.reload(other)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"sessions that are up and change their authentication when their peers use the new one: 1"}
		if diff := cmp.Diff(want, report.Warnings); diff != "" || report.Changed != 1 {
			t.Errorf("%+v (-want +got):\n%s", report, diff)
		}
		// Gone from the file, but still in use.
		if got := e.keys(); got != "1:file:1 2:file:1" {
			t.Errorf("keys %s", got)
		}
	}
	settled(t, "keyed-sha1 1/1 then meticulous-keyed-sha1 2/2", a, b)
	b.change(2, 2, false)
	settled(t, "meticulous-keyed-sha1 2/2", a, b)
	for _, e := range []*end{a, b} {
		if got := e.keys(); got != "2:file:1" {
			t.Errorf("keys %s", got)
		}
	}
}

// TestReloadOfUnusedKeys: nobody's keys come, change and go.
func TestReloadOfUnusedKeys(t *testing.T) {
	t.Parallel()
	a, _ := two(t, "\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}, {id: 2, type: keyed-sha1, secret: hunter2}]\n", "")
	if err := a.setKey(3, "keyed-md5", marker); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ more, want string }{
		{"\nkeys: [{id: 2, type: keyed-md5, secret: hunter2!}]\n", "2:file:0 3:api:0"},
		{"\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}, {id: 3, type: keyed-sha1, secret: hunter2}]\n", "1:file:0 3:file:0"},
		{"", ""},
	} {
		if _, err := a.reload(step.more); err != nil {
			t.Fatal(err)
		}
		if got := a.keys(); got != step.want {
			t.Errorf("keys %s, want %s", got, step.want)
		}
	}
}

func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	a, _ := two(t, "\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}]\n", "")
	ctx, self := t.Context(), control.Target{X: a.peer.String()}
	number := func(n uint32) *uint32 { return &n }

	refused(t, a.setKey(1, "keyed-md5", marker), control.CodeNotOwner, "key 1 belongs to the file")
	refused(t, a.DeleteKey(ctx, 1), control.CodeNotOwner, "key 1 belongs to the file")
	refused(t, a.DeleteKey(ctx, 9), control.CodeNotFound, "no key 9")
	_, err := a.SetAuth(ctx, self, control.AuthChange{Key: number(9)})
	refused(t, err, control.CodeInvalid, "no key 9")
	_, err = a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.3"), Auth: &control.AuthSpec{Key: ptr(uint32(9))}})
	refused(t, err, control.CodeInvalid, "no key 9")

	if err := a.setKey(2, "keyed-md5", marker); err != nil {
		t.Fatal(err)
	}
	if err := a.setKey(2, "keyed-sha1", marker); err != nil {
		t.Errorf("change an unused key: %v", err)
	}
	s, err := a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr("192.0.2.3"), Auth: &control.AuthSpec{Key: ptr(uint32(2))}})
	if err != nil || show(s.Auth) != "keyed-sha1 2/2" {
		t.Errorf("add: %s, %v", show(s.Auth), err)
	}
	refused(t, a.setKey(2, "keyed-md5", marker), control.CodeInUse, "key 2 is in use (1)")
	refused(t, a.DeleteKey(ctx, 2), control.CodeInUse, "key 2 is in use (1)")

	// The file cannot take its key away from a session that is not its own.
	if _, err := a.SetAuth(ctx, control.Target{X: "192.0.2.3"}, control.AuthChange{Key: number(1)}); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteKey(ctx, 2); err != nil {
		t.Errorf("delete a key that was just released: %v", err)
	}
	_, err = a.reload("")
	refused(t, err, control.CodeInUse, "key 1 is not in xbfd.yaml any more, but the session with peer 192.0.2.3 (owner api) uses it")
	if got := a.keys(); got != "1:file:1" {
		t.Errorf("keys %s", got)
	}
	if err := a.Delete(ctx, control.Target{X: "192.0.2.3"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.reload(""); err != nil {
		t.Fatal(err)
	}
	testnet.Eventually(t, 5*time.Second, "key 1 is gone", func() bool { return a.keys() == "" })
}

// TestOtherDigest: the same key, but one end makes its digests as FRR does.
func TestOtherDigest(t *testing.T) {
	t.Parallel()
	const file = ", auth: {key: 1}\nkeys: [{id: 1, type: %s, secret: hunter2}]\n"
	a, b := two(t, fmt.Sprintf(file, "keyed-sha1"), fmt.Sprintf(file, "frr-hmac-sha1"))
	for e, want := range map[*end]string{a: "hmac", b: "rfc"} {
		testnet.Eventually(t, 10*time.Second, "the peer's digest is known", func() bool { return e.session().Auth.PeerDigest == want })
		testnet.Eventually(t, 10*time.Second, "the log says so", func() bool {
			return strings.Contains(e.log.String(), `msg="digests differ"`) && strings.Contains(e.log.String(), "peer-digest="+want)
		})
		st, err := e.Status(t.Context())
		if err != nil || len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], fmt.Sprintf("session with peer %v: the peer has the key but", e.peer)) {
			t.Errorf("warnings %q, %v", st.Warnings, err)
		}
	}
	time.Sleep(1500 * time.Millisecond) // more than a second look
	for _, e := range []*end{a, b} {
		if n := strings.Count(e.log.String(), "digests differ"); n != 1 {
			t.Errorf("%d lines about digests", n)
		}
	}

	if _, err := b.reload(", auth: {key: 2}\nkeys: [{id: 2, type: keyed-sha1, secret: hunter2}]\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.reload(", auth: {key: 1, bfd-key-id: 2}\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}]\n"); err != nil {
		t.Fatal(err)
	}
	waitUp(t, a, b)
	if s := a.session(); s.Auth.PeerDigest != "" {
		t.Errorf("up, and yet %+v", s.Auth)
	}
}

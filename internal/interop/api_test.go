package interop

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// TestLiveChanges adds, changes and deletes a session by the API, as the
// command line does.
func TestLiveChanges(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	other := start(t, b, pair(b, a))
	d := start(t, a, "shutdown-hold: 500ms\n")
	do := func(args ...string) {
		t.Helper()
		if r := xbfd(t, a, append([]string{"session"}, append(args, "--control", d.control)...)...); r.code != 0 {
			t.Fatalf("%q: status %d: %s", args, r.code, r.stderr)
		}
	}
	peer := b.v4.String()
	do("add", "--peer-addr", peer, "--desired-min-tx", "50000", "--required-min-rx", "50ms", "--detect-mult", "20")
	s := d.waitState(t, b.v4, "up")
	if s.Owner != "api" || s.DesiredMinTx != 50_000 || s.Transport != "xdp-native" {
		t.Errorf("added: %+v", s)
	}
	do("set", peer, "--desired-min-tx", "80ms", "--detect-mult", "22")
	eventually(t, patience, "the peer runs the new values", func() bool {
		s := other.session(t, a.v4)
		return s.DetectionTime == 22*80_000 && s.RemoteDetectMult == 22
	})
	if s := d.session(t, b.v4); s.Counters.Down != 0 {
		t.Errorf("set: %+v", s.Counters)
	}
	do("down", peer)
	other.waitState(t, a.v4, "down")
	if s := other.session(t, a.v4); s.LastChange.Cause != "remote-admin-down" {
		t.Errorf("the peer heard %+v", s.LastChange)
	}
	do("up", peer)
	d.waitState(t, b.v4, "up")
	other.waitState(t, a.v4, "up")

	do("del", peer)
	if list := d.sessions(t); len(list) != 0 {
		t.Errorf("deleted, and there are %+v", list)
	}
	other.waitState(t, a.v4, "down")
	if s := other.session(t, a.v4); s.LastChange.Cause != "remote-admin-down" {
		t.Errorf("the peer heard %+v", s.LastChange)
	}
	// While the last packets of the old one still go out, a new one starts, and
	// keeps its frames when the old one is forgotten.
	do("add", "--peer-addr", peer, "--desired-min-tx", "50ms", "--required-min-rx", "50ms")
	d.waitState(t, b.v4, "up")
	time.Sleep(mult*50*time.Millisecond + 200*time.Millisecond)
	before := d.steered(t)
	eventually(t, patience, "XDP takes its frames", func() bool { return d.steered(t) > before+3 })
	if s := d.session(t, b.v4); s.State != "up" || s.Counters.Down != 0 {
		t.Errorf("the new one: %+v", s)
	}
}

// TestOwners lets the file and the API each keep what is theirs.
func TestOwners(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
	target := control.Target{X: b.v4.String()}
	spec := control.SessionSpec{Peer: b.v4}
	tx := uint32(10)
	for _, c := range []struct {
		name string
		do   func() error
		want control.Code
		says string
	}{
		{"delete what is the file's", func() error { return d.client.Delete(t.Context(), target) }, control.CodeNotOwner, "file"},
		{"add what is there", func() error { _, err := d.client.Add(t.Context(), spec); return err }, control.CodeExists, "already"},
		{"change to what cannot be", func() error {
			_, err := d.client.Change(t.Context(), target, control.SessionChange{DesiredMinTx: &tx})
			return err
		}, control.CodeInvalid, "desired-min-tx-us"},
		{"delete what is not there", func() error { return d.client.Delete(t.Context(), control.Target{X: "192.0.2.99"}) }, control.CodeNotFound, "192.0.2.99"},
	} {
		var e *control.Error
		if err := c.do(); !errors.As(err, &e) || e.Code != c.want || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	added, err := d.client.Add(t.Context(), control.SessionSpec{Peer: b.v6, Local: a.v6, Interface: a.ifname})
	must(t, err)
	report := oneSession(b, 100*time.Millisecond, "")
	must(t, d.reload(t, report))
	if s := d.session(t, b.v6); s.LocalDiscriminator != added.LocalDiscriminator || s.Owner != "api" {
		t.Errorf("after a reload the API's session is %+v", s)
	}
	must(t, d.reload(t, report+"  - {peer: \""+b.v6.String()+"\", local-address: \""+a.v6.String()+"\", interface: a}\n"))
	if s := d.session(t, b.v6); s.LocalDiscriminator != added.LocalDiscriminator || s.Owner != "file" {
		t.Errorf("named by the file the API's session is %+v", s)
	}
	must(t, d.reload(t, report))
	if list := d.sessions(t); len(list) != 1 {
		t.Errorf("%d sessions are left", len(list))
	}
}

package control_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

var addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func ptr[T any](v T) *T { return &v }

// TestRoundTrip: what the Backend says arrives unchanged at the other end of a
// real socket, and the other way round.
func TestRoundTrip(t *testing.T) {
	b := four()
	b.Report = control.ReloadReport{Added: 1, Removed: 2, Changed: 3, Unchanged: 4, Changes: []control.SessionDiff{}, Settings: []string{"log"}, Warnings: []string{"w"}, RestartNeeded: []string{"log"}}
	c := control.NewClient(controltest.Serve(t, b))
	defer c.Close()
	ctx := t.Context()

	list, err := c.Sessions(ctx, control.Filter{Interface: "eth0", State: "up", VRF: "default",
		Peer: netip.MustParseAddr("192.0.2.1"), Local: netip.MustParseAddr("192.0.2.9")})
	want := controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")
	if diff := cmp.Diff([]control.Session{want}, list, addrs); diff != "" || err != nil {
		t.Errorf("list: %v (-want +got):\n%s", err, diff)
	}
	got, err := c.Session(ctx, control.Target{X: "fe80::1%eth1", Interface: "eth1", Local: "fe80::9", VRF: "default"})
	if diff := cmp.Diff(controltest.Up(14, "fe80::1", "fe80::9", "eth1"), got, addrs); diff != "" || err != nil {
		t.Errorf("show: %v (-want +got):\n%s", err, diff)
	}

	spec := control.SessionSpec{
		Peer: netip.MustParseAddr("192.0.2.3"), Local: netip.MustParseAddr("192.0.2.9"), Interface: "eth0", Profile: "p",
		SessionChange: control.SessionChange{DesiredMinTx: ptr(uint32(50_000)), Passive: ptr(true), DSCP: ptr(uint8(0))},
	}
	added, err := c.Add(ctx, spec)
	if err != nil || added.Owner != "api" || added.DesiredMinTx != 50_000 || added.RequiredMinRx != 300_000 ||
		added.Role != "passive" || added.Profile != "p" || added.Interface != "eth0" {
		t.Errorf("add: %+v, %v", added, err)
	}
	changed, err := c.Change(ctx, control.Target{X: "192.0.2.3"}, control.SessionChange{
		RequiredMinRx: ptr(uint32(1)), DetectMult: ptr(uint8(1)), Passive: ptr(false), Shutdown: ptr(true)})
	if err != nil || changed.State != "admin-down" || changed.RequiredMinRx != 1 || changed.DetectMult != 1 ||
		changed.DesiredMinTx != 50_000 || changed.Role != "active" {
		t.Errorf("change: %+v, %v", changed, err)
	}
	if err := c.Delete(ctx, control.Target{X: "192.0.2.3"}); err != nil {
		t.Errorf("delete: %v", err)
	}
	if diff := cmp.Diff([]uint32{11, 12, 13, 14}, b.IDs()); diff != "" {
		t.Errorf("after delete (-want +got):\n%s", diff)
	}

	report, err := c.Reload(ctx)
	if diff := cmp.Diff(b.Report, report); diff != "" || err != nil {
		t.Errorf("reload: %v (-want +got):\n%s", err, diff)
	}
	status, err := c.Status(ctx)
	wantStatus, _ := b.Status(ctx)
	if diff := cmp.Diff(wantStatus, status, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || err != nil {
		t.Errorf("status: %v (-want +got):\n%s", err, diff)
	}
}

func TestClientErrors(t *testing.T) {
	c := control.NewClient(controltest.Serve(t, four()))
	defer c.Close()
	_, err := c.Session(t.Context(), control.Target{X: "99"})
	var refused *control.Error
	if !errors.As(err, &refused) || refused.Code != control.CodeNotFound || refused.Status != 404 {
		t.Errorf("not found: %#v", err)
	}
	_, err = c.Change(t.Context(), control.Target{X: "11"}, control.SessionChange{DetectMult: ptr(uint8(0))})
	if err == nil || !strings.HasPrefix(err.Error(), "detect-multiplier: 0 packets") {
		t.Errorf("invalid: %v", err)
	}
	// What looks like a path stays one name.
	if _, err := c.Session(t.Context(), control.Target{X: "../status"}); !errors.As(err, &refused) || refused.Code != control.CodeBadRequest {
		t.Errorf("slash: %v", err)
	}
}

func TestNoDaemon(t *testing.T) {
	c := control.NewClient(filepath.Join(t.TempDir(), "none.sock"))
	if _, err := c.Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("got %v", err)
	}
}

func TestDaemonSilent(t *testing.T) {
	b := four()
	b.Block = true
	c := control.NewClient(controltest.Serve(t, b))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v", err)
	}
}

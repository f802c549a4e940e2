package daemon

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// Cleared, a session counts from nothing, as do the totals; its state and its
// uptime stay.
func TestClear(t *testing.T) {
	testnet.RequireRoot(t)
	a, b := two(t, "", "")
	waitUp(t, a, b)
	before := a.session()
	if before.Counters.Tx < 2 || before.Counters.Up != 1 {
		t.Fatalf("counters %+v", before.Counters)
	}
	cleared, err := a.Clear(t.Context(), a.self())
	if err != nil {
		t.Fatal(err)
	}
	if c := cleared.Counters; c.Up != 0 || c.Tx >= before.Counters.Tx || cleared.State != "up" || cleared.UptimeSeconds < before.UptimeSeconds {
		t.Errorf("cleared: %s for %v s, counters %+v", cleared.State, cleared.UptimeSeconds, c)
	}
	if other := b.session(); other.Counters.Up != 1 {
		t.Errorf("the other end was cleared: %+v", other.Counters)
	}
	if _, err := a.Clear(t.Context(), control.Target{X: "192.0.2.99"}); err == nil {
		t.Error("a session that does not exist was cleared")
	}
	first, err := b.Totals(t.Context())
	if err != nil || first.Sessions.Up != 1 || first.Sessions.Tx == 0 || len(first.Interfaces) != 1 {
		t.Errorf("totals %+v, %v", first, err)
	}
	if err := b.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := b.Totals(t.Context())
	if err != nil || again.Sessions.Up != 0 || again.Sessions.Tx >= first.Sessions.Tx || !again.Since.After(first.Since) {
		t.Errorf("totals after a clear %+v, %v", again, err)
	}
	testnet.Eventually(t, 5*time.Second, "packets count again", func() bool { return b.session().Counters.Tx > 0 })
}

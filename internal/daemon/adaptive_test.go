package daemon

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestWaitLive: workers wait as the file says, and status tells how, and how often
// in which way.
func TestWaitLive(t *testing.T) {
	t.Parallel()
	a, b := twoOver(t, "xdp", "\nworkers: {wait: adaptive}", "")
	waitUp(t, a, b)
	worker := func(e *end) control.WorkerStatus {
		st, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Workers[0]
	}
	testnet.Eventually(t, 5*time.Second, "both have waited", func() bool {
		x, y := worker(a), worker(b)
		if x.Wait != "adaptive" || y.Wait != "sleep" || y.Spins != 0 || x.Caught > x.Spins {
			t.Fatalf("%+v and %+v", x, y)
		}
		return x.Sleeps > 0 && x.Spins > 0 && y.Sleeps > 0
	})
}

package demo

import (
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestCollectorDoesNotDisturb keeps the collector running all the time, with
// garbage made beside the engines: nothing goes down, and the cut is noticed.
func TestCollectorDoesNotDisturb(t *testing.T) {
	testnet.RequireRoot(t)
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		var keep [64][]byte
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				keep[i%len(keep)] = make([]byte, 16<<10)
				if i%64 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}
	}()
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	var out strings.Builder
	o := Options{
		Sessions: 200, Interval: 50 * time.Millisecond, Mult: 2 * patient, Hold: 3 * time.Second, JSON: true, Transport: "auto",
	}
	if err := Run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	debug.ReadGCStats(&after)
	var r result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	n := after.NumGC - before.NumGC
	t.Logf("%d collections, overshoot %v", n, r.Overshoot)
	if n < 50 {
		t.Errorf("only %d collections: nothing was shown", n)
	}
	// What a machine with other tests on it may add: no more than the sessions
	// would bear.
	if most := r.DetectionTime; r.Overshoot.Max > most {
		t.Errorf("overshoot %v, detection time %d µs", r.Overshoot, r.DetectionTime)
	}
	rows.Covers(t, "ENV-GC-01")
}

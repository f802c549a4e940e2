package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/testnet"
)

// Many who change the same things at once are served one after the other: each
// gets an answer in the API's own words, none a fault, and what is left is what
// one of them asked for.
func TestWritersAtOnce(t *testing.T) {
	testnet.RequireRoot(t)
	a, b := two(t, "", "")
	waitUp(t, a, b)
	ctx := t.Context()
	doc, err := a.Config(ctx)
	if err != nil {
		t.Fatal(err)
	}
	other := control.Target{X: "192.0.2.77"}
	acts := []func(n int) error{
		func(n int) error {
			_, err := a.Change(ctx, a.self(), control.SessionChange{DSCP: ptr(uint8(n)), DetectMult: ptr(uint8(patient + n))})
			return err
		},
		func(int) error {
			_, err := a.Add(ctx, control.SessionSpec{Peer: netip.MustParseAddr(other.X), Profile: "p"})
			return err
		},
		func(int) error { return a.Delete(ctx, other) },
		func(int) error { _, err := a.Poll(ctx, a.self()); return err },
		func(int) error { _, err := a.Poll(ctx, other); return err },
		func(int) error { _, err := a.Clear(ctx, other); return err },
		func(int) error { _, err := a.Reload(ctx); return err },
		func(int) error { _, err := a.SetConfig(ctx, doc); return err },
		func(n int) error { return a.setKey(uint32(n%3+1), "keyed-sha1", fmt.Sprint("secret", n)) },
		func(n int) error { return a.DeleteKey(ctx, uint32(n%3+1)) },
		func(int) error { _, err := a.Config(ctx); return err },
		func(int) error { return a.ClearAll(ctx) },
	}
	var wg sync.WaitGroup
	for i, act := range acts {
		wg.Go(func() {
			for n := range 20 {
				var refused *control.Error
				switch err := act(n); {
				case err == nil:
				case !errors.As(err, &refused) || refused.Code == control.CodeInternal:
					t.Errorf("act %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if s := a.session(); s.State != "up" || s.Counters.Down != 0 || s.DSCP < 48 && s.DetectMult != patient+s.DSCP {
		t.Errorf("left: %s, DSCP %d, multiplier %d, counters %+v", s.State, s.DSCP, s.DetectMult, s.Counters)
	}
}

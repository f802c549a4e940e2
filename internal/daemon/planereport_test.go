package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/dplane"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// TestFailureBetweenReports: bfdd hears of a failure though the session is up again
// by the time that it is told, and of nothing twice.
func TestFailureBetweenReports(t *testing.T) {
	t.Parallel()
	d := &Daemon{log: slog.New(slog.DiscardHandler), planes: make(map[string]*plane), planned: make(map[uint32][]*planned)}
	k := &link{d: d, at: config.DPlane{Connect: true, Hold: time.Minute}}
	p := k.plane(0)
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		once := ours
		dplane.Connect(ctx, func(context.Context) (net.Conn, error) {
			if once == nil {
				return nil, errors.New("one is enough")
			}
			defer func() { once = nil }()
			return once, nil
		}, k)
	})
	defer running.Wait()
	defer cancel()
	testnet.Eventually(t, 5*time.Second, "connected", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return p.conn != nil
	})
	up := engine.Status{Discr: 5, State: packet.Up, Remote: session.Remote{Discr: 9, DetectMult: 3, DesiredMinTx: 50_000, CPI: true, Demand: true}}
	s := &planned{of: p, asked: asked(7), discr: 5}
	p.sessions[7] = s
	tell := func(failed bool) {
		s.failed = failed
		d.tellPlanes([]*planned{s}, []engine.Status{up})
	}
	tell(true)  // of the first time nobody knew that it was up
	tell(false) // and this is known
	tell(true)
	up.Remote.DetectMult = 4
	tell(false)
	is := bfddp.State{
		LID: 7, RID: 9, State: 3, DetectMult: 3, DesiredTx: 50_000, Flags: bfddp.RemoteCBit | bfddp.RemoteDemand,
	}
	down, changed := is, is
	down.State, changed.DetectMult = 1, 4
	_ = theirs.SetReadDeadline(time.Now().Add(5 * time.Second))
	r := bfddp.NewReader(theirs)
	for i, want := range []bfddp.State{is, down, is, changed} {
		m, _, err := r.Next()
		if diff := cmp.Diff(want, m.State); diff != "" || err != nil {
			t.Errorf("message %d: %v (-want +got):\n%s", i, err, diff)
		}
	}
	if n := p.conn.Figures().Out; n.Messages != 4 || n.Waiting != 0 {
		t.Errorf("sent %+v", n)
	}
}

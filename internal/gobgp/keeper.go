package gobgp

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/xbfd/xbfd/client"
)

// How long gobgpd is left alone when it is not there, at first and at most; how long
// it may take for an answer; and how often it is looked at when it tells of nothing.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 15 * time.Second
	answerTime = 5 * time.Second
	lookEvery  = 10 * time.Second
	leaveTime  = 2 * time.Second
)

// Options are what a Keeper is.
type Options struct {
	API     string // as for Dial; for people
	Speaker Speaker
	Store   Store
	Log     *slog.Logger
	// Listed is told of gobgpd's neighbors each time they were listed, and of those
	// that are missing since shortly; nil: nobody.
	Listed func([]Neighbor)
}

// Keeper keeps gobgpd's neighbors disabled while their sessions have failed. Tell
// and Status may be called from any goroutine, and wait for nothing.
type Keeper struct {
	o    Options
	wake chan struct{}
	look chan struct{}

	mu     sync.Mutex
	ledger *Ledger
	status client.GoBGPStatus

	neighbors []Neighbor // as listed last; Run's own, as what follows
	listed    time.Time  // when that was
	known     map[netip.Addr]sight
	stored    []netip.Addr
}

// sight is a neighbor as it was listed, at that time.
type sight struct {
	Neighbor
	at time.Time
}

// New returns a Keeper that does nothing before Run.
func New(o Options) *Keeper {
	return &Keeper{
		o: o, wake: make(chan struct{}, 1), look: make(chan struct{}, 1), ledger: NewLedger(nil), known: make(map[netip.Addr]sight),
		status: client.GoBGPStatus{API: o.API, Error: "not connected yet"},
	}
}

// Tell says that a session has failed, for a reason in words, or with none that it
// has not.
func (k *Keeper) Tell(s Session, why string) {
	k.mu.Lock()
	if why != "" {
		k.ledger.Fail(s, why)
	} else {
		k.ledger.Heal(s)
	}
	k.mu.Unlock()
	nudge(k.wake)
}

// Relist has gobgpd list its neighbors again, for Options.Listed, if it is there.
func (k *Keeper) Relist() { nudge(k.look) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Status returns how it stands.
func (k *Keeper) Status() *client.GoBGPStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.status
	st.Disabled = k.ledger.Ours()
	return &st
}

// Run keeps the neighbors until ctx ends, and then enables those it has disabled,
// for nobody watches their sessions any more.
func (k *Keeper) Run(ctx context.Context) {
	defer k.o.Speaker.Close()
	k.recall()
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := k.keep(ctx)
		if ctx.Err() != nil {
			break
		}
		k.lost(err)
		if time.Since(began) > lookEvery {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
	k.leave()
}

// keep does what there is to do for as long as gobgpd answers.
func (k *Keeper) keep(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	defer func() { // the watch ends with this
		cancel()
		<-ended
	}()
	go func() {
		ended <- k.o.Speaker.Watch(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
		close(ended)
	}()
	k.mu.Lock()
	k.ledger.Reconnected()
	k.mu.Unlock()
	if err := k.list(ctx); err != nil {
		return err
	}
	k.found()
	for {
		if err := k.act(ctx); err != nil {
			return err
		}
		next := lookEvery
		if k.unsure() {
			next = again
		}
		timer := time.NewTimer(next)
		look := true
		select {
		case <-k.wake:
			look = false // what was listed last is good enough, and at hand
		case <-k.look:
		case <-changed:
		case <-timer.C:
		case err := <-ended:
			timer.Stop()
			return err
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
		if look {
			if err := k.list(ctx); err != nil {
				return err
			}
		}
	}
}

func (k *Keeper) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	asked := time.Now()
	list, err := k.o.Speaker.Neighbors(ctx)
	if err != nil {
		return err
	}
	k.neighbors, k.listed = list, asked
	k.mu.Lock()
	k.status.Neighbors = len(list)
	k.mu.Unlock()
	if k.o.Listed != nil {
		k.o.Listed(k.remember(list))
	}
	return nil
}

// remember returns a list with those that were in it a short while ago.
func (k *Keeper) remember(list []Neighbor) []Neighbor {
	listed := make(map[netip.Addr]bool, len(list))
	for _, n := range list {
		k.known[n.Addr], listed[n.Addr] = sight{n, k.listed}, true
	}
	list = slices.Clone(list)
	for a, s := range k.known {
		switch {
		case listed[a]:
		case k.listed.Sub(s.at) < patience:
			list = append(list, s.Neighbor)
		default:
			delete(k.known, a)
		}
	}
	return list
}

// act does what is due. What gobgpd refuses is counted and tried again.
func (k *Keeper) act(ctx context.Context) error {
	k.mu.Lock()
	deeds, ours := k.ledger.Due(k.neighbors, k.listed, time.Now()), k.ledger.Ours()
	k.mu.Unlock()
	k.store(ours)
	for _, d := range deeds {
		if err := k.do(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) do(ctx context.Context, d Deed) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := k.o.Speaker.Do(ctx, d); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if d.Enable {
		k.status.Enables++
		k.o.Log.Info("neighbor enabled in gobgpd", "neighbor", d.Addr.String())
	} else {
		k.status.Disables++
		k.o.Log.Warn("neighbor disabled in gobgpd", "neighbor", d.Addr.String(), "communication", d.Why)
	}
	return nil
}

func (k *Keeper) unsure() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ledger.Unsure(k.neighbors)
}

// found notes that gobgpd answers.
func (k *Keeper) found() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Connected, k.status.Error = true, ""
	k.o.Log.Info("gobgpd answers", "api", k.o.API, "neighbors", len(k.neighbors))
}

// lost notes that it does not; the log has each outage once.
func (k *Keeper) lost(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status.Connected || k.status.Failures == 0 {
		k.o.Log.Warn("gobgpd does not do as it is asked, trying again", "api", k.o.API, "err", err)
	}
	k.status.Connected, k.status.Error = false, err.Error()
	k.status.Failures++
}

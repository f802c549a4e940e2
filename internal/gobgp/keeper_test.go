package gobgp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
)

// fake is a gobgpd with neighbors in memory.
type fake struct {
	mu     sync.Mutex
	alive  bool
	stuck  bool // it takes orders and obeys none
	down   map[netip.Addr]bool
	said   map[netip.Addr]string
	dialed int
	news   chan struct{} // closed and made anew with each change
}

var errAway = errors.New("connection refused")

func newFake() *fake {
	return &fake{alive: true, down: map[netip.Addr]bool{one: false, two: false}, said: map[netip.Addr]string{}, news: make(chan struct{})}
}

func (f *fake) change(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
	close(f.news)
	f.news = make(chan struct{})
}

func (f *fake) isDown(a netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down[a]
}

func (f *fake) Neighbors(context.Context) (list []Neighbor, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.alive {
		return nil, errAway
	}
	for a, down := range f.down {
		list = append(list, Neighbor{Addr: a, Down: down})
	}
	return list, nil
}

func (f *fake) Do(_ context.Context, d Deed) (err error) {
	f.change(func() {
		switch {
		case !f.alive:
			err = errAway
		case !f.stuck:
			f.down[d.Addr], f.said[d.Addr] = !d.Enable, d.Why
		}
	})
	return err
}

func (f *fake) Watch(ctx context.Context, changed func()) error {
	f.mu.Lock()
	f.dialed++
	f.mu.Unlock()
	for {
		f.mu.Lock()
		alive, news := f.alive, f.news
		f.mu.Unlock()
		if !alive {
			return errAway
		}
		changed()
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Close() error { return nil }

// start runs a Keeper, which the end of the test or of the returned function ends.
func start(t *testing.T, f *fake, path string) (*Keeper, func()) {
	k := New(Options{API: "here", Speaker: f, Store: Store{path}, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		k.Run(ctx)
		close(ended)
	}()
	stop := func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	synctest.Wait()
	return k, stop
}

var session = Session{Peer: one}

func want(t *testing.T, f *fake, down bool) {
	t.Helper()
	synctest.Wait()
	if got := f.isDown(one); got != down {
		t.Errorf("down %v, want %v", got, down)
	}
	if f.isDown(two) {
		t.Error("the other neighbor is down")
	}
}

func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k, stop := start(t, f, "")
		k.Tell(session, "xbfd: it is broken")
		want(t, f, true)
		if f.said[one] != "xbfd: it is broken" {
			t.Errorf("communication %q", f.said[one])
		}
		k.Tell(session, "")
		want(t, f, false)
		k.Tell(session, "again")
		time.Sleep(again)
		want(t, f, true)
		diff := cmp.Diff(&client.GoBGPStatus{API: "here", Connected: true, Neighbors: 2, Disabled: []netip.Addr{one}, Disables: 2, Enables: 1}, k.Status(), addrs)
		if diff != "" {
			t.Error(diff)
		}
		stop()
		want(t, f, false) // nobody watches any more
	})
}

// TestAbsent: a gobgpd that is not there is asked again at a bounded pace, and told
// when it comes; one that was started again is told again.
func TestAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.alive = false
		k, _ := start(t, f, "")
		k.Tell(session, "it is broken")
		time.Sleep(time.Hour)
		st := k.Status()
		if st.Connected || st.Error != errAway.Error() || st.Failures < 200 || st.Failures > 260 {
			t.Errorf("after an hour: %+v", st)
		}
		f.change(func() { f.alive = true })
		time.Sleep(lastPause)
		want(t, f, true)
		f.change(func() { f.alive = false })
		synctest.Wait()
		f.change(func() { f.alive, f.down[one] = true, false })
		time.Sleep(lastPause)
		want(t, f, true)
		k.Tell(session, "")
		time.Sleep(again)
		want(t, f, false)
	})
}

// TestUnheard: orders that are taken and not obeyed are repeated.
func TestUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k, _ := start(t, f, "")
		f.change(func() { f.stuck = true })
		k.Tell(session, "it is broken")
		time.Sleep(10*again + again/2)
		want(t, f, false)
		if st := k.Status(); st.Disables < 5 || st.Disables > 12 || !st.Connected {
			t.Errorf("%+v", st)
		}
		f.change(func() { f.stuck = false })
		time.Sleep(2 * again)
		want(t, f, true)
	})
}

// TestCrash: what a process has disabled when it is killed, the next one enables, and
// what an operator has disabled it leaves.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "gobgp")
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k, _ := start(t, f, path)
		k.Tell(session, "it is broken")
		want(t, f, true)
		f.change(func() { f.alive = false }) // so that it cannot enable on its way out
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down[one], f.down[two] = true, true
		start(t, f, path)
		if f.isDown(one) || !f.isDown(two) {
			t.Errorf("%v", f.down)
		}
		time.Sleep(again)
		if left, err := (Store{path}).load(); err != nil || len(left) != 0 {
			t.Errorf("kept %v, %v", left, err)
		}
	})
}

func TestStore(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "deep", "file")}
	for _, list := range [][]netip.Addr{{one}, {one, two}, nil, nil} {
		if err := s.save(list); err != nil {
			t.Fatal(err)
		}
		got, err := s.load()
		if diff := cmp.Diff(list, got, addrs); err != nil || diff != "" {
			t.Errorf("%v: %v %s", list, err, diff)
		}
	}
}

// TestEmptyList: a gobgpd that has just been started and lists nobody yet takes no
// neighbor its session, nor lets it be forgotten what was disabled.
func TestEmptyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		listed := -1
		k := New(Options{Speaker: f, Log: slog.New(slog.DiscardHandler), Listed: func(list []Neighbor) { listed = len(list) }})
		ctx, cancel := context.WithCancel(t.Context())
		go k.Run(ctx)
		k.Tell(session, "it is broken")
		want(t, f, true)
		all := f.down
		f.change(func() { f.down = map[netip.Addr]bool{} })
		synctest.Wait()
		if n := k.Status().Neighbors; n != 0 || listed != 2 {
			t.Errorf("%d neighbors, told of %d", n, listed)
		}
		f.change(func() { f.down = all })
		synctest.Wait()
		k.Tell(session, "")
		time.Sleep(again)
		want(t, f, false)
		f.change(func() { delete(f.down, two) })
		time.Sleep(patience + lookEvery)
		synctest.Wait()
		if listed != 1 {
			t.Errorf("long after it is gone, told of %d", listed)
		}
		cancel()
		synctest.Wait()
	})
}

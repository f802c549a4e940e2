package exabgp

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// TestFollows: what becomes of the session is what ExaBGP is told, whether it
// answers or not.
func TestFollows(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, kept)
			said := func(line string) {
				t.Helper()
				r.want(t, line)
				if answers {
					r.answer(t, "done")
				}
			}
			r.want(t, "")
			r.d.set("up")
			said(announce)
			r.d.set("down")
			said(withdraw)
			r.d.set("up")
			r.want(t, "")
			time.Sleep(5*time.Second - time.Millisecond)
			r.want(t, "")
			time.Sleep(2 * time.Millisecond)
			said(announce)
			r.end(t)
		})
	}
}

// TestRefusal: an error has the route announced again, later.
func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, kept)
		r.d.set("up")
		r.want(t, announce)
		r.answer(t, "error")
		r.want(t, "")
		time.Sleep(firstRetry + time.Millisecond)
		r.want(t, announce)
		r.answer(t, "done")
		time.Sleep(time.Hour)
		r.want(t, "")
		r.end(t)
	})
}

// TestDaemonAway: a restart of the daemon leaves the route alone if its session is
// up again in time, and only then.
func TestDaemonAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, kept)
		r.d.set("up")
		r.want(t, announce)
		leave := func() { r.d.change(func() { r.d.alive = false }) }
		back := func() {
			r.d.change(func() {
				r.d.alive, r.d.seq = true, r.d.seq+1000
				r.d.s.State, r.d.s.Clients[0] = "down", client.SessionClient{State: "down"}
			})
		}
		leave()
		time.Sleep(time.Minute)
		r.want(t, "")
		back()
		time.Sleep(9 * time.Second)
		r.d.set("up")
		time.Sleep(time.Minute)
		r.want(t, "")
		leave()
		time.Sleep(time.Minute)
		back()
		time.Sleep(lastPause + 10*time.Second)
		r.want(t, withdraw)
		r.end(t)
	})
	synctest.Test(t, func(t *testing.T) {
		x := kept
		x.DaemonAway = "withdraw"
		r := start(t, x)
		r.d.set("up")
		r.want(t, announce)
		r.d.change(func() { r.d.alive = false })
		r.want(t, withdraw)
		r.end(t)
	})
}

// TestDaemonStandsStill: one whose connections stay open but that answers no more
// is away, and is believed when it answers again.
func TestDaemonStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := kept
		x.DaemonAway = "withdraw"
		r := start(t, x)
		r.d.set("up")
		r.want(t, announce)
		still := func(yes bool) { r.d.mu.Lock(); r.d.alive = !yes; r.d.mu.Unlock() } // no news of it
		still(true)
		time.Sleep(2 * heartbeat)
		r.want(t, withdraw)
		still(false)
		time.Sleep(2*heartbeat + 5*time.Second)
		r.want(t, announce)
		r.end(t)
	})
}

// TestDaemonStandsStillAfterRestart: it is missed as well when it was away the last
// time that it was asked whether it is there.
func TestDaemonStandsStillAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, seen := newDaemon(), make(chan sighting, 100)
		w := newWatch(d, []config.ExaBGPRoute{{Peer: d.s.Peer}}, seen)
		go w.follow(t.Context())
		go w.look(t.Context())
		answers := func(want bool) {
			t.Helper()
			synctest.Wait()
			var last sighting
			for len(seen) > 0 {
				last = <-seen
			}
			if got := last.err == nil; got != want {
				t.Errorf("the daemon answers: %v, want %v", got, want)
			}
		}
		time.Sleep(heartbeat - time.Millisecond)
		d.change(func() { d.alive = false })
		time.Sleep(2 * time.Millisecond)
		answers(false)
		d.change(func() { d.alive = true })
		time.Sleep(time.Second)
		answers(true)
		d.mu.Lock()
		d.alive = false // no connection ends
		d.mu.Unlock()
		time.Sleep(2 * heartbeat)
		answers(false)
	})
}

// TestUnknownSession: the log says once that xbfd has no session with a peer, whose
// route is withdrawn.
func TestUnknownSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, kept)
		said := func(times int) {
			t.Helper()
			synctest.Wait()
			const line = `level=WARN msg="xbfd has no such session" prefix=198.51.100.0/24 peer=192.0.2.1`
			if got := strings.Count(r.log.String(), line); got != times {
				t.Errorf("said %d times, want %d:\n%s", got, times, r.log)
			}
		}
		said(0)
		r.d.change(func() { r.d.s.Peer, r.d.alive = netip.MustParseAddr("192.0.2.2"), false })
		synctest.Wait()
		r.d.change(func() { r.d.alive = true })
		time.Sleep(kept.Settle - time.Second)
		r.want(t, "")
		time.Sleep(time.Minute)
		r.want(t, withdraw)
		said(1)
		r.end(t)
	})
}

// TestShutdown: ExaBGP says that it ends.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, kept)
		r.answer(t, "shutdown 812 811")
		r.end(t)
	})
}

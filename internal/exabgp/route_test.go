package exabgp

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// TestRoute takes a route through what may become known of its path.
func TestRoute(t *testing.T) {
	keep := config.ExaBGP{Settle: 10 * time.Second, DaemonAway: "keep", AdminDown: "keep"}
	strict := config.ExaBGP{Settle: 10 * time.Second, DaemonAway: "withdraw", AdminDown: "withdraw"}
	type step struct {
		at   time.Duration
		see  view // at that time
		want told
		due  time.Duration // after the start; 0: nothing waits
	}
	for _, c := range []struct {
		name  string
		x     config.ExaBGP
		steps []step
	}{
		{"announced when up, withdrawn at once, held when up again", keep, []step{
			{0, missing, nothing, 10 * time.Second}, {time.Second, up, announced, 0}, {2 * time.Second, up, nothing, 0},
			{3 * time.Second, failed, withdrawn, 0}, {4 * time.Second, up, nothing, 9 * time.Second},
			{8 * time.Second, up, nothing, 9 * time.Second}, {9 * time.Second, up, announced, 0},
		}},
		{"a flap begins the hold anew", keep, []step{
			{0, failed, withdrawn, 0}, {time.Second, up, nothing, 6 * time.Second}, {2 * time.Second, failed, nothing, 0},
			{3 * time.Second, up, nothing, 8 * time.Second}, {8 * time.Second, up, announced, 0},
		}},
		{"down on purpose is no failure", keep, []step{{0, up, announced, 0}, {time.Second, admin, nothing, 0}, {time.Minute, admin, nothing, 0}}},
		{"unless told", strict, []step{{0, up, announced, 0}, {time.Second, admin, withdrawn, 0}}},
		{"kept while the daemon is away, and while it starts", keep, []step{
			{0, up, announced, 0}, {time.Second, away, nothing, 0}, {time.Hour, away, nothing, 0},
			{time.Hour, missing, nothing, time.Hour + 10*time.Second}, {time.Hour + time.Second, up, nothing, 0},
		}},
		{"but not for ever", keep, []step{
			{0, up, announced, 0}, {time.Second, away, nothing, 0}, {2 * time.Second, missing, nothing, 12 * time.Second},
			{12 * time.Second, missing, withdrawn, 0},
		}},
		{"withdrawn when the daemon leaves", strict, []step{{0, up, announced, 0}, {time.Second, away, withdrawn, 0}, {2 * time.Second, up, nothing, 7 * time.Second}}},
		{"what an earlier process announced goes", keep, []step{{0, away, nothing, 0}, {time.Second, failed, withdrawn, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Unix(0, 0)
			r := route{spec: config.ExaBGPRoute{Hold: 5 * time.Second}, at: start}
			for i, s := range c.steps {
				now := start.Add(s.at)
				r.see(s.see, now)
				got, due := r.next(&c.x, now)
				var want time.Time
				if s.due > 0 {
					want = start.Add(s.due)
				}
				if got != s.want || !due.Equal(want) {
					t.Errorf("step %d: tell %d, due %v, want %d, %v", i, got, due, s.want, want)
				}
				if got != nothing {
					r.said(got)
				}
			}
		})
	}
}

// TestRefused: what ExaBGP refuses is tried again after pauses that double, up to a
// minute, and at once after one that it took.
func TestRefused(t *testing.T) {
	x := config.ExaBGP{}
	now := time.Unix(0, 0)
	r := route{}
	r.see(up, now)
	for i, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got, _ := r.next(&x, now); got != announced {
			t.Fatalf("attempt %d: tell %d", i, got)
		}
		r.said(announced)
		r.refused(now)
		got, due := r.next(&x, now)
		if want := now.Add(pause * time.Second); got != nothing || !due.Equal(want) {
			t.Fatalf("after refusal %d: tell %d, due %v, want %v", i, got, due, want)
		}
		now = due
	}
	r.said(announced)
	r.taken()
	r.see(failed, now)
	if got, _ := r.next(&x, now); got != withdrawn {
		t.Errorf("then tell %d", got)
	}
}

func TestJudge(t *testing.T) {
	was := time.Unix(1, 0)
	one := func(state string, c client.SessionClient, lastUp *time.Time) client.Session {
		return client.Session{State: state, Clients: []client.SessionClient{c}, Times: client.Times{LastUp: lastUp}}
	}
	isUp := one("up", client.SessionClient{State: "up"}, &was)
	broken := one("down", client.SessionClient{State: "down", Failed: true}, &was)
	onPurpose := one("down", client.SessionClient{State: "down", Administrative: true}, &was)
	young := one("init", client.SessionClient{State: "init"}, nil)
	held := one("down", client.SessionClient{State: "up", HoldOff: 200_000}, &was)
	for _, c := range []struct {
		name  string
		list  []client.Session
		want  view
		again time.Duration
	}{
		{"none", nil, missing, 0},
		{"up", []client.Session{isUp}, up, 0},
		{"failed", []client.Session{broken}, failed, 0},
		{"not up yet", []client.Session{young}, missing, 0},
		{"the peer's shutdown", []client.Session{onPurpose}, admin, 0},
		{"our shutdown", []client.Session{one("admin-down", client.SessionClient{State: "admin-down"}, nil)}, admin, 0},
		{"on the way up after it", []client.Session{one("init", client.SessionClient{State: "init"}, &was)}, admin, 0},
		{"a failure that is held back", []client.Session{held}, up, 200 * time.Millisecond},
		{"one of two", []client.Session{broken, isUp}, up, 0},
		{"none of two", []client.Session{young, broken}, failed, 0},
	} {
		if got, again := judgeAll(c.list); got != c.want || again != c.again {
			t.Errorf("%s: %d, look again after %v; want %d, %v", c.name, got, again, c.want, c.again)
		}
	}
}

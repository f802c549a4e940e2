package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/client"
)

// played is a Runner whose runs are noted, with their time and hook.
type played struct {
	*Runner
	began time.Time
	log   bytes.Buffer
	mu    sync.Mutex
	said  []string
}

// play returns one whose runs take so long.
func play(takes time.Duration, fails map[string]error) *played {
	p := &played{began: time.Now()}
	p.Runner = New(Options{Log: slog.New(slog.NewTextHandler(&p.log, nil))})
	p.do = func(ctx context.Context, j *job) result {
		p.mu.Lock()
		p.said = append(p.said, fmt.Sprintf("%v %s %s %s", time.Since(p.began), j.hook.Name, strings.Join(j.hook.Run[1:], " "), j.word))
		p.mu.Unlock()
		select {
		case <-time.After(takes):
			return result{err: fails[j.hook.Name]}
		case <-ctx.Done():
			return result{err: errors.New("killed")}
		}
	}
	return p
}

func (p *played) close(after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	p.Close(ctx)
}

// Another configuration loses nothing of what waits: that is run as it was to be.
func TestReload(t *testing.T) {
	before := parse(t, "hooks: [{name: a, on: up, run: [/bin/true, old], concurrency: 1}, {name: b, on: [up, down], run: [/bin/true, old]}]")
	after := parse(t, "hooks: [{name: c, on: up, run: [/bin/true, new]}, {name: a, on: up, run: [/bin/true, new], concurrency: 1}]")
	synctest.Test(t, func(t *testing.T) {
		p := play(time.Second, nil)
		p.Set(before)
		for peer := range 3 {
			p.Add(event("up", peer+1))
		}
		p.Add(event("down", 1)) // waits for the Up of the same peer
		synctest.Wait()
		p.Set(after)
		p.Add(event("up", 9))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		count := make(map[string]int)
		for _, s := range p.said {
			_, what, _ := strings.Cut(s, " ")
			count[what]++
		}
		want := map[string]int{"a old up": 3, "b old up": 3, "b old down": 1, "c new up": 1, "a new up": 1}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		var status []string
		for _, s := range p.Status() {
			status = append(status, fmt.Sprintf("%s done %d waiting %d running %d", s.Name, s.Done, s.Waiting, s.Running))
		}
		if diff := cmp.Diff([]string{"c done 1 waiting 0 running 0", "a done 4 waiting 0 running 0"}, status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if n := len(p.queues); n != 2 {
			t.Errorf("%d queues are kept", n)
		}
		p.close(0)
	})
}

// A hook that is removed tells at once what it held back.
func TestReloadWhileHeld(t *testing.T) {
	hooks := parse(t, "hooks: [{name: a, on: [up, down], run: [/bin/true]}]")
	synctest.Test(t, func(t *testing.T) {
		p := play(0, nil)
		p.Set(hooks)
		for _, what := range []string{"down", "up", "down", "up"} {
			p.Add(event(what, 1))
			synctest.Wait()
		}
		if s := p.Status()[0]; s.Held != 1 || s.Done != 3 {
			t.Errorf("%+v", s)
		}
		p.Set(nil)
		synctest.Wait()
		if len(p.said) != 4 || p.Any() {
			t.Errorf("runs %q", p.said)
		}
		p.Set(hooks)
		p.Add(event("down", 1)) // all is forgotten, nothing breaks
		synctest.Wait()
		if len(p.said) != 5 {
			t.Errorf("runs %q", p.said)
		}
		p.close(0)
	})
}

// One hook that hangs or fails holds up no other, and is told of.
func TestTrouble(t *testing.T) {
	hooks := parse(t, "hooks: [{name: slow, on: up, run: [/bin/true], concurrency: 1}, {name: bad, on: up, run: [/bin/true]}]")
	synctest.Test(t, func(t *testing.T) {
		p := play(time.Minute, map[string]error{"bad": errors.New("exit status 3: no way")})
		p.Set(hooks)
		for peer := range 4 {
			p.Add(event("up", peer+1))
		}
		p.Missed(7)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		var got []client.HookStatus
		for _, s := range p.Status() {
			s.FailedAt = nil
			got = append(got, s)
		}
		want := []client.HookStatus{
			{Name: "slow", Target: "/bin/true", Done: 1, Running: 1, Waiting: 2},
			{Name: "bad", Target: "/bin/true", Failed: 4, LastError: "exit status 3: no way"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"hook bad: the latest run failed: exit status 3: no way", "hooks: 7 events were lost before they could be handed on"}, p.Warnings()); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		if log := p.log.String(); strings.Count(log, "hook failed") != 4 || !strings.Contains(log, "took=1m0s") || !strings.Contains(log, `err="exit status 3: no way"`) {
			t.Errorf("log:\n%s", log)
		}
		p.close(0)
	})
}

// A storm is not a storm of lines.
func TestLogLimit(t *testing.T) {
	hooks := parse(t, "hooks: [{name: a, on: up, run: [/bin/true], concurrency: 64}]")
	synctest.Test(t, func(t *testing.T) {
		p := play(0, nil)
		p.Set(hooks)
		for peer := range 100 {
			p.Add(event("up", peer+1))
		}
		time.Sleep(2 * time.Second)
		p.Add(event("up", 200))
		synctest.Wait()
		p.close(time.Second)
		if n := strings.Count(p.log.String(), "hook done"); n != maxLines+1 || !strings.Contains(p.log.String(), "not-logged=80") {
			t.Errorf("%d lines:\n%s", n, p.log.String())
		}
	})
}

// The end waits for what is still to be done, but not for ever.
func TestClose(t *testing.T) {
	hooks := parse(t, "hooks: [{name: a, on: up, run: [/bin/true], concurrency: 1}]")
	for _, tt := range []struct {
		after time.Duration
		done  int
		took  time.Duration
	}{{10 * time.Second, 3, 3 * time.Second}, {1500 * time.Millisecond, 2, 1500 * time.Millisecond}, {0, 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			p := play(time.Second, nil)
			p.Set(hooks)
			for peer := range 3 {
				p.Add(event("up", peer+1))
			}
			p.close(tt.after)
			p.Add(event("up", 4))
			synctest.Wait()
			if took := time.Since(p.began); len(p.said) != tt.done || took != tt.took {
				t.Errorf("within %v: %q in %v, want %d in %v", tt.after, p.said, took, tt.done, tt.took)
			}
		})
	}
}

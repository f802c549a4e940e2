package hooks

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// Options are what a Runner is besides its hooks.
type Options struct {
	Log *slog.Logger             // nil logs nothing
	In  func(func() error) error // runs a function in the network namespace; nil means this one
}

// Runner runs hooks. It may be used concurrently.
type Runner struct {
	o      Options
	web    *http.Client
	do     func(context.Context, *job) result
	ctx    context.Context // of all runs
	cancel context.CancelFunc
	runs   sync.WaitGroup

	mu     sync.Mutex // guards everything below
	queues []*queue   // in the order of the file, then those that are no more
	timer  *time.Timer
	closed bool
	missed uint64
	lines  limit
	idle   chan struct{} // closed when closed and nothing is left to do
}

const firstOther = 3 // after standard input, output and error

// New returns a Runner without hooks. Close ends it.
func New(o Options) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.In == nil {
		o.In = func(f func() error) error { return f() }
	}
	r := &Runner{o: o, web: webClient(o.In), idle: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.do = func(ctx context.Context, j *job) result {
		if j.hook.Run != nil {
			return r.command(ctx, j)
		}
		return r.post(ctx, j)
	}
	r.timer = time.AfterFunc(time.Hour, r.tick)
	r.timer.Stop() // pump sets it
	// Otherwise what whoever started us has left open would be open in every command.
	_ = unix.CloseRange(firstOther, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	return r
}

// Set changes the hooks. A hook that had the same name before goes on with its
// counts; events that wait are handled as it was when they came.
func (r *Runner) Set(hooks []config.Hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	had := r.queues
	r.queues = nil
	for i := range hooks {
		h := &hooks[i]
		at := slices.IndexFunc(had, func(q *queue) bool { return q.name == h.Name })
		if at < 0 {
			r.queues = append(r.queues, newQueue(h))
			continue
		}
		had[at].become(h)
		r.queues = append(r.queues, had[at])
		had = slices.Delete(had, at, at+1)
	}
	for _, q := range had {
		q.end()
		r.queues = append(r.queues, q)
	}
	r.pump()
}

// Any tells whether there is a hook.
func (r *Runner) Any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queues) > 0
}

// Add tells of an event. It does not wait.
func (r *Runner) Add(ev *Event) {
	if ev.word() == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	now := time.Now()
	for _, q := range r.queues {
		q.add(ev, now)
	}
	r.pump()
}

// Missed tells that n events were lost before they could be added.
func (r *Runner) Missed(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed += n
}

func (r *Runner) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pump()
}

// pump starts what may start now, and sees to it that somebody looks again when
// there may be more. r.mu is held.
func (r *Runner) pump() {
	now := time.Now()
	var wake time.Time
	kept := r.queues[:0]
	for _, q := range r.queues {
		for {
			j, at := q.next(now)
			if j == nil {
				if !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
					wake = at
				}
				break
			}
			r.runs.Go(func() { r.run(q, j) })
		}
		if q.hook != nil || !q.empty() {
			kept = append(kept, q)
		}
	}
	clear(r.queues[len(kept):])
	r.queues = kept
	if !wake.IsZero() {
		r.timer.Reset(wake.Sub(now))
	}
	if r.closed && !slices.ContainsFunc(r.queues, func(q *queue) bool { return len(q.waiting)+len(q.busy) > 0 }) {
		r.finish()
	}
}

func (r *Runner) finish() {
	select {
	case <-r.idle:
	default:
		close(r.idle)
	}
}

func (r *Runner) run(q *queue, j *job) {
	began := time.Now()
	res := r.do(r.ctx, j)
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	q.ended(j, res, now)
	r.report(j, &res, now.Sub(began), now)
	r.pump()
}

// report logs how a run ended, unless there is too much of that. r.mu is held.
func (r *Runner) report(j *job, res *result, took time.Duration, now time.Time) {
	silent, ok := r.lines.allow(now)
	if silent > 0 {
		r.o.Log.Warn("hooks: more runs than are logged", "not-logged", silent)
	}
	if !ok {
		return
	}
	attrs := []any{"hook", j.hook.Name, "event", j.word, "seq", j.ev.Seq, "took", took.Round(time.Microsecond)}
	if s := j.ev.Session; s != nil {
		attrs = append(attrs, "peer", s.Peer.String())
	}
	if res.err != nil {
		r.o.Log.Warn("hook failed", append(attrs, "retries", res.retries, "err", res.err)...)
		return
	}
	if res.stderr != "" {
		attrs = append(attrs, "stderr", res.stderr)
	}
	r.o.Log.Info("hook done", attrs...)
}

// Close takes no more events, lets what waits end until ctx does, and ends the rest.
// What is held back is not told any more.
func (r *Runner) Close(ctx context.Context) {
	r.mu.Lock()
	r.closed = true
	for _, q := range r.queues {
		q.damper = damper{}
	}
	r.pump()
	r.mu.Unlock()
	select {
	case <-r.idle:
	case <-ctx.Done():
	}
	r.mu.Lock()
	for _, q := range r.queues {
		q.counts.dropped += uint64(len(q.waiting))
		q.waiting = nil
	}
	r.mu.Unlock()
	r.cancel()
	r.runs.Wait()
	r.timer.Stop()
	r.web.CloseIdleConnections()
}

// Status returns how each hook does, in the order of the file.
func (r *Runner) Status() []client.HookStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]client.HookStatus, 0, len(r.queues))
	for _, q := range r.queues {
		if q.hook == nil {
			continue
		}
		s := client.HookStatus{
			Name: q.name, Target: target(q.hook), Waiting: len(q.waiting), Held: q.damper.holds(), Running: len(q.busy),
			Done: q.counts.done, Failed: q.counts.failed, TimedOut: q.counts.timedOut, Retried: q.counts.retried,
			Dropped: q.counts.dropped, Suppressed: q.counts.suppressed, LastError: q.last.why,
		}
		if !q.last.at.IsZero() {
			at := q.last.at.UTC()
			s.FailedAt = &at
		}
		list = append(list, s)
	}
	return list
}

// target says what a hook runs or asks, without what may be secret in it.
func target(h *config.Hook) string {
	if h.Run != nil {
		return h.Run[0]
	}
	u, err := url.Parse(h.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Warnings says what is not as it should be.
func (r *Runner) Warnings() (list []string) {
	for _, s := range r.Status() {
		if s.LastError != "" {
			list = append(list, fmt.Sprintf("hook %s: the latest run failed: %s", s.Name, s.LastError))
		}
		if s.Dropped > 0 {
			list = append(list, fmt.Sprintf("hook %s: %d events were dropped: they came faster than it runs", s.Name, s.Dropped))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed > 0 {
		list = append(list, fmt.Sprintf("hooks: %d events were lost before they could be handed on", r.missed))
	}
	return list
}

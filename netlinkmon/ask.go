package netlinkmon

import (
	"log/slog"
	"time"
)

// asker has the kernel asked again for the routes of multihop paths. However
// fast routes change and however many paths there are, asking takes no more
// than about a tenth of the time, as long as that keeps paths no older than
// askMost.
type asker struct {
	route   func(query) answer // the kernel's
	log     *slog.Logger
	todo    []query          // still to be asked in this round
	spent   time.Duration    // by this round
	hold    <-chan time.Time // until when the next round waits
	refresh <-chan time.Time // when to ask in any case
}

const (
	askShare = 10
	askMost  = 500 * time.Millisecond
	askChunk = 64 // queries between two looks at other work
	// refreshInterval is for what the kernel does not tell: ICMP redirects, and
	// whether a router that no path uses answers again.
	refreshInterval = 5 * time.Second
)

// due says that there is work to do now.
func (a *asker) due(s *state) bool {
	return len(a.todo) > 0 || a.hold == nil && s.lookups.changed()
}

// work asks some of what may have another answer now.
func (a *asker) work(s *state, touch func(subject)) {
	if !a.due(s) {
		return
	}
	start := time.Now()
	if len(a.todo) == 0 {
		a.todo, a.spent = s.lookups.take(), 0
	}
	count := min(len(a.todo), askChunk)
	for _, q := range a.todo[:count] {
		was, watched := s.lookups.answers[q]
		if !watched {
			continue
		}
		if now := a.ask(q); now != was {
			s.lookups.answers[q] = now
			touch(q.subject())
		}
	}
	a.todo = a.todo[count:]
	a.spent += time.Since(start)
	if len(a.todo) == 0 {
		a.hold = time.After(min(max(askShare*a.spent, resolveInterval), askMost))
	}
}

// ask asks the kernel. A refresh that is due is not put off by it: a router's
// routes change all the time.
func (a *asker) ask(q query) answer {
	if a.refresh == nil {
		a.refresh = time.After(refreshInterval)
	}
	now := a.route(q)
	if now.failed != "" {
		a.log.Debug("look up route", "peer", q.peer, "local", q.local, "ifindex", q.oif, "error", now.failed)
	}
	return now
}

package exabgp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// silence is after how long without an answer ExaBGP is believed not to give any,
// as it does not when it is configured so.
const silence = 5 * time.Second

// Process is one run of xbfd exabgp.
type Process struct {
	Config config.ExaBGP
	Daemon Daemon
	In     io.Reader // what ExaBGP says
	Out    io.Writer // what it is told
	Log    *slog.Logger

	routes  []*route
	waiting []asked // for an answer, in order
	absent  bool    // the log says that the daemon is away
	watch   *watch
}

// asked is a command about a route that ExaBGP has been given.
type asked struct {
	route *route
	at    time.Time
}

// Run announces and withdraws until ExaBGP closes In or says that it ends, or ctx
// ends. It returns an error only when ExaBGP cannot be told any more.
func (p *Process) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sightings, heard := make(chan sighting), make(chan answer)
	p.watch = newWatch(p.Daemon, p.Config.Routes, sightings)
	now := time.Now()
	for _, spec := range p.Config.Routes {
		p.routes = append(p.routes, &route{spec: spec, at: now})
	}
	go listen(p.In, heard, ctx.Done())
	go p.watch.follow(ctx)
	go p.watch.look(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-sightings:
			p.see(s, time.Now())
		case a, open := <-heard:
			if !open || a == shutdown {
				return nil
			}
			p.answered(a == done, time.Now())
		case <-timer.C:
		}
		due, err := p.speak(time.Now())
		if err != nil {
			return err
		}
		if !due.IsZero() {
			timer.Reset(max(time.Until(due), time.Millisecond))
		}
	}
}

// see notes what is known of the routes that depend on a peer.
func (p *Process) see(s sighting, now time.Time) {
	if gone := s.err != nil; gone != p.absent {
		p.absent = gone
		if gone {
			p.Log.Warn("xbfd does not answer", "err", s.err, "routes", p.Config.DaemonAway)
		} else {
			p.Log.Info("xbfd answers", "control", p.Config.Control)
		}
	}
	for _, r := range p.routes {
		if r.spec.Peer != s.peer {
			continue
		}
		if s.err != nil {
			r.see(away, now)
			continue
		}
		f := client.Filter{Local: r.spec.Local, Interface: r.spec.Interface, Multihop: r.spec.Multihop}
		var list []client.Session
		for i := range s.sessions {
			if f.Match(&s.sessions[i]) {
				list = append(list, s.sessions[i])
			}
		}
		if lone := len(list) == 0; lone != r.lone {
			r.lone = lone
			if lone {
				p.Log.Warn("xbfd has no such session", "prefix", r.spec.Prefix.String(), "peer", r.spec.Peer.String(),
					"remedy", "list it under peers in xbfd's file, as interface, local-address and multihop say here")
			}
		}
		v, again := judgeAll(list)
		r.see(v, now)
		if again > 0 {
			p.watch.again(s.peer, again)
		}
	}
}

// speak tells ExaBGP what is due and returns when something else will be, zero for
// not before something happens.
func (p *Process) speak(now time.Time) (due time.Time, err error) {
	for len(p.waiting) > 0 && now.Sub(p.waiting[0].at) > silence {
		p.waiting = p.waiting[1:]
	}
	for _, r := range p.routes {
		want, at := r.next(&p.Config, now)
		if want == nothing {
			if !at.IsZero() && (due.IsZero() || at.Before(due)) {
				due = at
			}
			continue
		}
		if _, err := io.WriteString(p.Out, command(want, &r.spec)); err != nil {
			return due, fmt.Errorf("tell ExaBGP: %w", err)
		}
		p.Log.Info("told ExaBGP", "what", map[told]string{announced: "announce", withdrawn: "withdraw"}[want],
			"prefix", r.spec.Prefix.String(), "peer", r.spec.Peer.String())
		r.said(want)
		p.waiting = append(p.waiting, asked{r, now})
	}
	return due, nil
}

// answered is told what ExaBGP made of the oldest command that waits for that.
func (p *Process) answered(done bool, now time.Time) {
	if len(p.waiting) == 0 {
		return
	}
	r := p.waiting[0].route
	p.waiting = p.waiting[1:]
	if done {
		r.taken()
		return
	}
	r.refused(now)
	p.Log.Error("ExaBGP refused", "prefix", r.spec.Prefix.String(), "again-in", r.pause,
		"remedy", "its log says why: the neighbors must be there, and the attributes in its own words")
}

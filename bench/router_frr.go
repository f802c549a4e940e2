package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// frrRouter is FRR's bgpd, zebra and bfdd, whose sessions xbfd may run.
type frrRouter struct {
	*frrDUT
	zebra, bgpd *process
	plane       *xbfdDUT // nil: bfdd runs them
}

func newFRRRouter(s setup, plane *xbfdDUT, over bool) (dut, error) {
	d, err := newFRR(s)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(frrDir, "bgpd")); err != nil {
		return nil, &Missing{"FRR's bgpd", "package frr"}
	}
	r := &frrRouter{frrDUT: d.(*frrDUT)}
	r.elsewhere = 1
	if over {
		r.plane = plane
		plane.elsewhere = true
		r.elsewhere = s.sessions
		plane.more = fmt.Sprintf("dplane: [{connect: %q, hold: 30s}]\n", r.planeAddress())
	}
	return r, nil
}

func (r *frrRouter) planeAddress() string { return "unix:" + r.path("dplane.sock") }

func (r *frrRouter) keeps() (kernel, onward bool) { return true, true }

func (r *frrRouter) start(ctx context.Context) (err error) {
	err = errors.Join(r.give("zebra.conf", ""), r.give("bgpd.conf", r.routing()), r.give("bfdd.conf", r.config()))
	if err != nil {
		return err
	}
	if r.zebra, err = r.run("zebra", "-r"); err != nil {
		return err
	}
	if err := waitFor(ctx, r.path("zserv.api")); err != nil {
		return err
	}
	args := []string{"--bfdctl", r.path("bfdd.sock")}
	if r.plane != nil {
		args = append(args, "--dplaneaddr", r.planeAddress())
	}
	if r.proc, err = r.run("bfdd", args...); err != nil {
		return err
	}
	if err := waitFor(ctx, r.path("bfdd.vty")); err != nil {
		return err
	}
	if err := r.startPlane(ctx); err != nil {
		return err
	}
	r.bgpd, err = r.run("bgpd")
	return err
}

// routing is bgpd's file.
func (r *frrRouter) routing() string {
	var b strings.Builder
	fmt.Fprintf(&b, "router bgp %d\n bgp router-id %v\n no bgp ebgp-requires-policy\n", asDUT, lanLocal.Addr())
	for _, n := range []struct {
		s   *speaker
		bfd bool
	}{{r.lab.uplinks.router, true}, {r.lab.uplinks.spare, false}, {r.lab.uplinks.collector, false}} {
		fmt.Fprintf(&b, " neighbor %v remote-as %d\n neighbor %[1]v timers connect 1\n", n.s.addr, n.s.as)
		if n.bfd {
			fmt.Fprintf(&b, " neighbor %v bfd\n neighbor %[1]v bfd profile bench\n", n.s.addr)
		}
	}
	fmt.Fprint(&b, "exit\n")
	return b.String()
}

// startPlane starts xbfd, if it is to run the sessions, and hands them over.
func (r *frrRouter) startPlane(ctx context.Context) error {
	if r.plane == nil {
		return nil
	}
	if err := r.plane.start(ctx); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var s struct {
			DataPlanes []struct{ Connected bool } `json:"data-planes"`
		}
		if err := r.plane.get("/v1/status", &s); err == nil && len(s.DataPlanes) > 0 && s.DataPlanes[0].Connected {
			return r.addSessions(ctx)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("bfdd and xbfd do not meet: %s", r.plane.said())
}

// inBuffer is how many sessions bfdd can hand over with one change: it has room for 58
// messages, two for each, and what does not fit is lost.
const inBuffer = 25

// addSessions has bfdd add those that bgpd does not ask for.
func (r *frrRouter) addSessions(ctx context.Context) error {
	for from := 1; from < r.sessions; from += inBuffer {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		commands := []string{"configure terminal", "bfd"}
		for k := from; k < min(from+inBuffer, r.sessions); k++ {
			commands = append(commands, fmt.Sprintf("peer %v local-address %v", remote(k), local(k)), "profile bench", "exit")
		}
		if err := r.ask(append(commands, "commit")...); err != nil {
			return err
		}
	}
	return nil
}

func (r *frrRouter) process() *process {
	if r.plane != nil && r.plane.proc != nil {
		return r.plane.proc
	}
	return r.proc
}

func (r *frrRouter) facts() facts {
	f := r.frrDUT.facts()
	if r.plane != nil {
		p := r.plane.facts()
		p.Version = f.Version + ", " + p.Version
		return p
	}
	return f
}

func (r *frrRouter) stop() error {
	err := endAll(r.bgpd, r.proc, r.zebra)
	if r.plane != nil {
		err = errors.Join(err, r.plane.stop())
	}
	return err
}

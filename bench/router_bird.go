package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// birdRouter is BIRD with BGP, whose BFD may be xbfd's: a hook then switches the
// uplink's protocol off and on.
type birdRouter struct {
	*birdDUT
	hook *xbfdDUT // nil: BIRD's own BFD
}

func newBIRDRouter(s setup, hook *xbfdDUT, over bool) (dut, error) {
	d, err := newBIRD(s)
	if err != nil {
		return nil, err
	}
	r := &birdRouter{birdDUT: d.(*birdDUT)}
	if over {
		birdc, err := exec.LookPath("birdc")
		if err != nil {
			return nil, &Missing{"birdc", "package bird2"}
		}
		r.hook = hook
		hook.more = "hooks:\n"
		for event, verb := range map[string]string{"down": "disable", "up": "enable"} {
			hook.more += fmt.Sprintf("  - {on: [%s], peer: %v, run: [%s, -s, %s, %s, uplink], dampening: off}\n", event, remote(0), birdc, r.path("ctl"), verb)
		}
	}
	return r, nil
}

func (r *birdRouter) keeps() (kernel, onward bool) { return true, true }

func (r *birdRouter) start(ctx context.Context) error {
	r.more, r.elsewhere, r.foreign = r.routing(), 1, r.hook != nil
	if err := r.birdDUT.start(ctx); err != nil || r.hook == nil {
		return err
	}
	return r.hook.start(ctx)
}

// routing is what BIRD has beside BFD.
func (r *birdRouter) routing() string {
	var b strings.Builder
	fmt.Fprint(&b, "protocol kernel { ipv4 { export all; }; }\n")
	bfd := "bfd on;"
	if r.hook != nil {
		bfd = ""
	}
	up := r.lab.uplinks
	for _, n := range []struct {
		name, more string
		s          *speaker
	}{{"uplink", bfd + " ipv4 { import all; export none; };", up.router},
		{"spare", "ipv4 { import all; export none; };", up.spare},
		{"collector", "ipv4 { import none; export all; };", up.collector}} {
		fmt.Fprintf(&b, "protocol bgp %s { local as %d; neighbor %v as %d; connect delay time 1; connect retry time 1; error wait time 1, 1; %s }\n",
			n.name, asDUT, n.s.addr, n.s.as, n.more)
	}
	return b.String()
}

// process is that of whoever has the sessions.
func (r *birdRouter) process() *process {
	if r.hook != nil && r.hook.proc != nil {
		return r.hook.proc
	}
	return r.proc
}

func (r *birdRouter) facts() facts {
	f := r.birdDUT.facts()
	if r.hook == nil {
		return f
	}
	h := r.hook.facts()
	h.Version = f.Version + ", " + h.Version
	return h
}

func (r *birdRouter) stop() error {
	err := endAll(r.proc)
	if r.hook != nil {
		err = errors.Join(err, r.hook.stop())
	}
	return err
}

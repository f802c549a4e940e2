package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// gobgpRouter is GoBGP, whose neighbour at the uplink xbfd disables. It puts nothing
// into the kernel.
type gobgpRouter struct {
	*xbfdDUT
	gobgpd *process
}

func newGoBGPRouter(x *xbfdDUT) (dut, error) {
	if _, err := exec.LookPath("gobgpd"); err != nil {
		return nil, &Missing{"gobgpd", "github.com/osrg/gobgp/v4/cmd/gobgpd, in the PATH"}
	}
	x.more = "gobgp: {api: \"127.0.0.1:50051\"}\n"
	return &gobgpRouter{xbfdDUT: x}, nil
}

func (r *gobgpRouter) keeps() (kernel, onward bool) { return false, true }

func (r *gobgpRouter) start(ctx context.Context) (err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "[global.config]\nas = %d\nrouter-id = %q\nport = -1\n", asDUT, lanLocal.Addr())
	up := r.lab.uplinks
	for _, s := range []*speaker{up.router, up.spare, up.collector} {
		fmt.Fprintf(&b, "[[neighbors]]\n[neighbors.config]\nneighbor-address = %q\npeer-as = %d\n"+
			"[neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n", s.addr, s.as)
	}
	if err := r.write("gobgpd.toml", b.String()); err != nil {
		return err
	}
	if r.gobgpd, err = spawn(r.lab.dut, r.lab.dutCPU, &r.log, nil, "gobgpd", "-f", r.path("gobgpd.toml"), "--pprof-disable"); err != nil {
		return err
	}
	return r.xbfdDUT.start(ctx)
}

// stop lets xbfd enable what it has disabled.
func (r *gobgpRouter) stop() error {
	return errors.Join(r.xbfdDUT.stop(), endAll(r.gobgpd))
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Routers are what can be measured for failover: a BFD engine, and what changes the
// routes when it says so.
var Routers = []string{"xbfd", "xbfd-group", "frr", "frr+xbfd", "bird", "bird+xbfd", "gobgp+xbfd", "exabgp+xbfd"}

// router is an engine under test that has routes.
type router interface {
	dut
	// keeps says whether they are in the kernel, and whether a BGP neighbour behind it
	// is told of them.
	keeps() (kernel, onward bool)
}

// newRouter makes the one of a name, not started.
func newRouter(name string, s setup) (dut, error) {
	transport := "xdp"
	if s.transmit == "auto" {
		transport = "auto"
	}
	x := &xbfdDUT{setup: s, transport: transport}
	engine, _, over := strings.Cut(name, "+")
	switch engine {
	case "xbfd":
		return &xbfdRouter{x, false}, nil
	case "xbfd-group":
		return &xbfdRouter{x, true}, nil
	case "frr":
		return newFRRRouter(s, x, over)
	case "bird":
		return newBIRDRouter(s, x, over)
	case "gobgp":
		return newGoBGPRouter(x)
	case "exabgp":
		return newExaBGPRouter(x)
	}
	return nil, fmt.Errorf("no engine %q", name)
}

// xbfdRouter keeps the routes itself. With group they all lead to one nexthop group.
type xbfdRouter struct {
	*xbfdDUT
	group bool
}

func (r *xbfdRouter) keeps() (kernel, onward bool) { return true, false }

func (r *xbfdRouter) start(ctx context.Context) error {
	var b strings.Builder
	to := fmt.Sprintf("via: [{gateway: %v, interface: %s}]", remote(0), ifname)
	if r.group {
		// The spare router has no BFD. All the weight is the first one's, or the probe
		// might go by the other from the beginning.
		to = "nexthop-group: 10"
		fmt.Fprintf(&b, "nexthop-groups:\n  - {id: 10, initial: present, via: [{gateway: %v, interface: %s, weight: 256}, {gateway: %v, interface: %s}]}\n",
			remote(0), ifname, spareRemote.Addr(), spareName)
	} else if err := r.lab.uplinks.cover(r.lab.dut); err != nil {
		return err
	}
	fmt.Fprint(&b, "routes:\n")
	for k := range r.lab.uplinks.routes {
		fmt.Fprintf(&b, "  - {prefix: %v, %s, metric: 20}\n", prefix(k), to)
	}
	r.more = b.String()
	return r.xbfdDUT.start(ctx)
}

// exabgpRouter has ExaBGP announce the prefixes while xbfd's first session is up.
type exabgpRouter struct {
	*xbfdDUT
	exabgp *process
}

func newExaBGPRouter(x *xbfdDUT) (dut, error) {
	if _, err := exec.LookPath("exabgp"); err != nil {
		return nil, &Missing{"ExaBGP", "package exabgp"}
	}
	return &exabgpRouter{xbfdDUT: x}, nil
}

func (r *exabgpRouter) keeps() (kernel, onward bool) { return false, true }

func (r *exabgpRouter) start(ctx context.Context) error {
	if err := r.lab.uplinks.cover(r.lab.dut); err != nil {
		return err
	}
	if err := r.xbfdDUT.start(ctx); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "control: %s\nroutes:\n", r.path("xbfd.sock"))
	for k := range r.lab.uplinks.routes {
		fmt.Fprintf(&b, "  - {prefix: %v, next-hop: self, peer: %v}\n", prefix(k), remote(0))
	}
	if err := r.write("routes.yaml", b.String()); err != nil {
		return err
	}
	err := r.write("exabgp.conf", fmt.Sprintf(`process xbfd { run %s exabgp -c %s; encoder text; }
neighbor %v { router-id %v; local-address %[4]v; local-as %d; peer-as %d; api { processes [ xbfd ]; neighbor-changes; } }
`, r.program, r.path("routes.yaml"), lanHost.Addr(), lanLocal.Addr(), asDUT, asCollector))
	if err != nil {
		return err
	}
	if err := waitFor(ctx, r.path("xbfd.sock")); err != nil {
		return err
	}
	// A shell does not hand on variables with such names.
	r.exabgp, err = spawn(r.lab.dut, r.lab.dutCPU, &r.log, nil, "env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false",
		"exabgp.api.cli=false", "exabgp.log.destination=stderr", "exabgp", r.path("exabgp.conf"))
	return err
}

func (r *exabgpRouter) stop() error {
	return errors.Join(endAll(r.exabgp), r.xbfdDUT.stop())
}

// waitFor waits until a program has made its socket.
func waitFor(ctx context.Context, path string) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not there after %v", path, patience)
		}
	}
}

// endAll ends processes.
func endAll(list ...*process) error {
	var errs []error
	for _, p := range list {
		errs = append(errs, p.kill())
	}
	return errors.Join(errs...)
}

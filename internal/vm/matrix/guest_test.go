//go:build vm

package matrix_test

import (
	"cmp"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// TestMatrix makes the matrix: on each driver and device two daemons whose sessions
// come up, are heard, outlive a stall of one daemon, and go down when the other one
// falls silent. Drivers run side by side, the devices of one after each other.
func TestMatrix(t *testing.T) {
	for _, driver := range devices.Drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			for _, device := range matrix.Devices {
				t.Run(string(device), func(t *testing.T) {
					r := row{t: t, driver: matrix.Driver(driver), device: device}
					r.run()
				})
			}
		})
	}
}

const (
	// perFamily is how many sessions a row has of each family and worker: together
	// they are enough for a batch of live frames.
	perFamily = 16

	interval  = 300 * time.Millisecond
	detection = 3 * interval

	// stopped is longer than the Detection Time, and shorter than the 3 s after which
	// the kernel answers for nobody.
	stopped = 1500 * time.Millisecond

	// tries is how often something is tried that the machine may spoil by standing
	// still.
	tries = 6

	// late is how long after its Detection Time a session may go down in a machine
	// that is emulated and shared.
	late = 2 * time.Second
)

// What stops a process, and lets it go on.
const (
	stop   = syscall.SIGSTOP
	resume = syscall.SIGCONT
)

// row is a row of the matrix in the making.
type row struct {
	t      *testing.T
	driver matrix.Driver
	device matrix.Device
	each   int // sessions of each family
	a, b   *daemon
}

func (r *row) tell(f matrix.Feature, o matrix.Outcome) {
	r.t.Helper()
	matrix.Tell(r.t, r.driver, r.device, f, o)
}

func (r *row) run() {
	d := newBed(r.t, r.driver)
	if r.device == matrix.ManyQueues && queues(r.t, d.a, ports[0]) < 2 {
		r.nothing("the card has one queue")
		return
	}
	build := builders[r.device]
	a, b := build(r.t, d.a), build(r.t, d.b)
	r.each = perFamily * max(a.workers, 1)
	addresses(r.t, d.a, a.ifname, 0, 1)
	addresses(r.t, d.b, b.ifname, 1, r.each)
	changed, ok := d.reach(r.t, r.device, a, b)
	if !ok {
		r.nothing("the kernel's own packets do not pass")
		return
	}
	// Nobody answers in the place of b: when it is stopped, it is silent.
	r.b = start(r.t, d.b, r.config(b, 1, "{insurance: off}"))
	r.a = start(r.t, d.a, r.config(a, 0, "{live-transmit: on}"))
	if !r.up() {
		r.nothing("not every session comes up")
		return
	}
	r.tell(matrix.Up, matrix.Given(changed))
	for _, s := range r.a.sessions(r.t) {
		if s.VRF != cmp.Or(a.vrf, config.DefaultVRF) {
			r.t.Errorf("session with %s is in VRF %s", s.Peer, s.VRF)
		}
	}
	r.transport()
	r.heard()
	r.live(r.insurance())
	r.detect()
}

// nothing tells that no feature can be had.
func (r *row) nothing(why string) {
	for _, f := range matrix.Features {
		r.tell(f, matrix.No(why))
	}
}

// address returns that of session n at end 0 or 1; those of end 0 are one.
func address(family, end, n int) string {
	host := 1
	if end == 1 {
		host = 101 + n
	}
	return fmt.Sprintf([]string{"192.0.2.%d", "2001:db8::%d"}[family], host)
}

func addresses(t *testing.T, ns devices.NS, ifname string, end, count int) {
	t.Helper()
	for family, bits := range []int{24, 64} {
		for n := range count {
			ns.AddAddr(t, ifname, fmt.Sprintf("%s/%d", address(family, end, n), bits))
		}
	}
}

func (r *row) config(s site, end int, fastPath string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "fast-path: %s\nshutdown-hold: 0s\nworkers: {count: %d}\n", fastPath, max(s.workers, 1))
	fmt.Fprintf(&b, "profiles:\n  p: {transmit-interval: %s, receive-interval: %[1]s, detect-multiplier: 3}\npeers:\n", interval)
	for family := range 2 {
		for n := range r.each {
			fmt.Fprintf(&b, "  - {peer: %q, local-address: %q, interface: %s, profile: p", address(family, 1-end, n), address(family, end, n), s.ifname)
			if s.vrf != "" && family == 0 { // the others are of their interface's
				fmt.Fprintf(&b, ", vrf: %s", s.vrf)
			}
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// up reports whether every session comes up.
func (r *row) up() bool {
	if !r.within(patience, r.isUp) {
		for _, s := range r.a.sessions(r.t) {
			r.t.Logf("%s: %s, path %s, transport %s: %s", s.Peer, s.State, s.Path, s.Transport, s.TransportReason)
		}
		return false
	}
	return true
}

func (r *row) isUp() bool {
	for _, d := range []*daemon{r.a, r.b} {
		if s := d.status(r.t).Sessions; s.Total != 2*r.each || s.Up != s.Total {
			return false
		}
	}
	return true
}

// within is testnet.Eventually that asks less often, since the processors are busy
// enough, and reports whether cond has come true.
func (r *row) within(limit time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(limit); !cond(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func (r *row) await(what string, cond func() bool) {
	r.t.Helper()
	if !r.within(patience, cond) {
		r.t.Fatalf("not within %v: %s", patience, what)
	}
}

func (r *row) transport() {
	if r.device == matrix.Bond8023ad { // the daemon may have been told of its members but now
		r.within(patience, func() bool { return r.a.sessions(r.t)[0].Transport != "udp" })
	}
	s := r.a.sessions(r.t)[0]
	if strings.HasPrefix(s.Transport, "xdp-native") || s.Transport == "xdp-zerocopy" {
		r.tell(matrix.Transport, matrix.Yes(s.Transport))
		return
	}
	r.tell(matrix.Transport, matrix.Instead(s.Transport, s.TransportReason))
}

// heard tells whether XDP takes packets in for every session. They take their time
// after a session is up, and sockets have no program that could.
func (r *row) heard() {
	deadline := time.Now()
	if r.a.sessions(r.t)[0].Transport != "udp" {
		deadline = deadline.Add(patience)
	}
	for {
		heard, why := 0, ""
		for _, s := range r.a.sessions(r.t) {
			if s.Counters.RxHeard > 0 {
				heard++
			} else {
				why = s.FastPath.Reason
			}
		}
		if heard == 2*r.each {
			r.tell(matrix.Heard, matrix.Yes(""))
			return
		}
		if time.Now().After(deadline) {
			r.tell(matrix.Heard, matrix.No(strings.TrimPrefix(why, "not heard: ")))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

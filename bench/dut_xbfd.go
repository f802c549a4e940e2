package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// xbfdDUT is the real daemon, with a file and a control socket.
type xbfdDUT struct {
	setup
	transport string
	proc      *process
	log       journal
	client    *http.Client
	reads     int
	more      string // of its configuration
	elsewhere bool   // others ask for the sessions
}

func (d *xbfdDUT) start(ctx context.Context) (err error) {
	if err := d.write("xbfd.yaml", d.config()); err != nil {
		return err
	}
	d.client = &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.path("xbfd.sock"))
		},
	}}
	d.proc, err = spawn(d.lab.dut, d.lab.dutCPU, &d.log, nil, d.program, "run", "-c", d.path("xbfd.yaml"))
	return err
}

func (d *xbfdDUT) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "control: %s\ntransport: %s\nshutdown-hold: 0s\n", d.path("xbfd.sock"), d.transport)
	scheduling, wait := "normal", cmp.Or(d.wait, "sleep")
	if d.fifo {
		scheduling, wait = "fifo", "sleep"
	}
	fmt.Fprintf(&b, "workers: {count: 1, cpus: [%d], capacity: 0, scheduling: %s, wait: %s}\n", d.lab.dutCPU, scheduling, wait)
	// The daemon's own auto sends no live frames into a veth, because it cannot know
	// that the far end takes them. Here the far end is the load peer, which does.
	if d.transport != "udp" && d.transmit != "xdp" {
		fmt.Fprint(&b, "fast-path: {live-transmit: on}\n")
	}
	fmt.Fprintf(&b, "profiles:\n  bench: {transmit-interval: %dus, receive-interval: %[1]dus, detect-multiplier: %d}\n",
		d.interval.Microseconds(), d.mult)
	b.WriteString(d.more)
	if d.elsewhere {
		return b.String()
	}
	fmt.Fprint(&b, "peers:\n")
	for k := range d.sessions {
		fmt.Fprintf(&b, "  - {peer: %v, local-address: %v, interface: %s, profile: bench}\n", remote(k), local(k), ifname)
	}
	return b.String()
}

// ready has nothing left to do: the daemon sets its own priorities.
func (d *xbfdDUT) ready() error { return nil }

func (d *xbfdDUT) process() *process { return d.proc }

// get reads an object of the API.
func (d *xbfdDUT) get(path string, into any) error {
	answer, err := d.client.Get("http://xbfd" + path)
	if err != nil {
		return fmt.Errorf("ask xbfd: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask xbfd for %s: %s", path, answer.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// status reads what is asked for below of the daemon's status.
func (d *xbfdDUT) status() (s struct {
	Version string
	Process struct {
		GC     uint64 `json:"gc-cycles"`
		Allocs uint64 `json:"allocations"`
	}
	Interfaces []struct{ Transport string }
	Downs      map[string]int
}, err error) {
	err = d.get("/v1/status", &s)
	return s, err
}

func (d *xbfdDUT) downs() (n int, err error) {
	s, err := d.status()
	for _, k := range s.Downs {
		n += k
	}
	return n, err
}

// runtime tells of the collector and of the heap.
func (d *xbfdDUT) runtime() (goRuntime, error) {
	s, err := d.status()
	return goRuntime{s.Process.GC, s.Process.Allocs}, err
}

// read reads one session after the other.
func (d *xbfdDUT) read() error {
	d.reads++
	return d.get("/v1/sessions/"+remote(d.reads%d.sessions).String(), nil)
}

func (d *xbfdDUT) facts() facts {
	f := facts{Transmit: "xdp", Heard: "off", Insurance: "off"}
	status, err := d.status()
	if err != nil {
		return f
	}
	f.Version = "xbfd " + status.Version
	if len(status.Interfaces) > 0 {
		f.Transport = status.Interfaces[0].Transport
	}
	if f.Transport == "udp" {
		f.Transmit = "socket"
	}
	var first struct {
		FastPath struct{ Heard, Insurance, Transmit string } `json:"fast-path"`
	}
	if err := d.get("/v1/sessions/"+remote(0).String(), &first); err == nil {
		f.Heard, f.Insurance = first.FastPath.Heard, first.FastPath.Insurance
		if first.FastPath.Transmit == "live" {
			f.Transmit = "live"
		}
	}
	return f
}

// stop lets the daemon put away what it would else leave for the next one of this
// machine, in files.
func (d *xbfdDUT) stop() error {
	if d.proc == nil {
		return nil
	}
	d.client.CloseIdleConnections()
	if d.proc.signal(unix.SIGTERM) == nil {
		select {
		case <-d.proc.gone:
		case <-time.After(patience / 2):
		}
	}
	return d.proc.kill()
}

func (d *xbfdDUT) said() string { return d.log.said() }

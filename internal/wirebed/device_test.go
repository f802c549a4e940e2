package wirebed

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// fastPath says whether D's XDP program hears steady packets by itself.
var fastPath = os.Getenv("XBFD_TEST_FAST_PATH") != "off"

// device is D: a speaker with one worker in a namespace of its own.
type device struct {
	*trial
	*testnet.NS
	*speaker.Speaker
	links []*station

	mu     sync.Mutex
	events []engine.Event
}

func newDevice(r *trial, o speaker.Options) *device {
	d := &device{trial: r, NS: testnet.NewNS(r.T, "d")}
	var err error
	o.In, o.Sessions, o.OnEvents = d.NS.Do, 1024, d.note
	o.Transport = func(string) string { return "xdp" }
	if !fastPath {
		o.Lanes = -1
	}
	d.Speaker, err = speaker.New(o)
	d.must(err)
	return d
}

// close ends D. The kernel takes interfaces down one after the other, for all
// namespaces of the machine: with many tests at once that may take longer than a
// Speaker waits for it, which is no matter of what the test shows.
func (d *device) close() {
	if err := d.Speaker.Close(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		d.T.Error(err)
	}
	for _, s := range d.links {
		d.must(s.close())
	}
}

func (d *device) must(err error) {
	d.Helper()
	if err != nil {
		d.T.Fatal(err)
	}
}

func (d *device) note(list []engine.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, list...)
}

// told returns what the API has told of sessions so far.
func (d *device) told() []engine.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]engine.Event(nil), d.events...)
}

// plug joins D to a new station of T by a veth pair.
func (d *device) plug(ifname string) *station {
	d.Helper()
	ns := testnet.NewNS(d.T, "t")
	testnet.Veth(d.T, d.NS, ifname, ns, "t0", netns.VethOptions{})
	s := newStation(d.T, ns, "t0")
	d.links = append(d.links, s)
	return s
}

// address gives D an address, and enters T's as a neighbour that need not be
// asked for: T's kernel has none.
func (d *device) address(ifname string, s *station, local, peer netip.Addr) {
	d.Helper()
	bits := "/24"
	if local.Is6() {
		bits = "/64"
	}
	if err := d.NS.NS.AddAddr(ifname, netip.MustParsePrefix(local.String()+bits)); err != nil && !strings.Contains(err.Error(), "exists") {
		d.T.Fatal(err)
	}
	d.must(d.AddNeigh(ifname, netns.Neigh{IP: peer, MAC: s.mac[:]}))
}

// add adds a session and waits until it has its path, which is one by AF_XDP.
func (d *device) add(ifname string, local, peer netip.Addr, spec engine.Spec) uint32 {
	d.Helper()
	target := netlinkmon.Target{Peer: peer, Local: local, Interface: ifname}
	if spec.Params.Kind == session.Multihop {
		target.Interface, target.Multihop = "", true
	}
	discr, err := d.Speaker.Add(target, spec)
	d.must(err)
	ctx, cancel := context.WithTimeout(d.Context(), 10*time.Second)
	defer cancel()
	d.must(d.Settle(ctx, []uint32{discr}))
	testnet.Eventually(d.T, 10*time.Second, "the session has a path", func() bool { return d.Path(discr).Waiting == "" })
	if p := d.Path(discr); !strings.HasPrefix(p.Transport, "xdp-") || !p.MACKnown {
		d.T.Fatalf("transport %s (%s), MAC known %v: not by AF_XDP", p.Transport, p.TransportReason, p.MACKnown)
	}
	return discr
}

func (d *device) session(discr uint32) engine.Status {
	d.Helper()
	st, err := d.Engine().Status(d.Context(), discr)
	d.must(err)
	return st
}

// drops returns D's discards, those of the XDP program included.
func (d *device) drops() engine.Discards {
	d.Helper()
	t, err := d.Engine().Totals(d.Context())
	d.must(err)
	t.Drops[packet.DropTTL] += d.counters()[packet.DropTTL.String()]
	return t.Drops
}

// counters returns those of all interfaces together.
func (d *device) counters() map[string]uint64 {
	sum := make(map[string]uint64)
	for _, i := range d.Interfaces() {
		if len(sum) == 0 {
			sum = maps.Clone(i.Counters)
			continue
		}
		for name, n := range i.Counters {
			sum[name] += n
		}
	}
	return sum
}

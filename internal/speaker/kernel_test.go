package speaker

import (
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// watched are tables that tell what they were told.
type watched struct {
	tables
	mu      sync.Mutex
	peers   map[steerKey]bpf.Peer
	deleted int
}

func (w *watched) SetPeer(p bpf.Peer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peers[keyOf(p)] = p
	return w.tables.SetPeer(p)
}

func (w *watched) DelPeer(ifindex int32, local, peer packet.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted++
	delete(w.peers, steerKey{ifindex, local, peer})
	return w.tables.DelPeer(ifindex, local, peer)
}

func (w *watched) now() (peers map[steerKey]bpf.Peer, deleted int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.peers), w.deleted
}

// newSpeaker makes a Speaker in a namespace; the channel is closed when one of
// its sessions is gone.
func newSpeaker(t testing.TB, ns *testnet.NS, o Options) (*Speaker, *watched, chan struct{}) {
	t.Helper()
	gone := make(chan struct{})
	o.In = ns.Do
	o.OnEvents = func(list []engine.Event) {
		for i := range list {
			if list[i].Gone {
				close(gone)
			}
		}
	}
	s, err := New(o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	w := &watched{tables: s.tables, peers: make(map[steerKey]bpf.Peer)}
	s.steering.tables = w
	return s, w, gone
}

func params(kind session.Kind) session.Params {
	return session.Params{DesiredMinTx: 1e6, RequiredMinRx: 1e6, DetectMult: 3, Kind: kind}
}

// A multihop session follows the kernel's route from one interface to another
// and stays Up; its frames are steered and received all the while, the peer's
// host takes them where no interface is open, and nothing is left of it when it
// is gone.
func TestMultihopMoves(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "bx")
	testnet.Veth(t, a, "y", b, "by")
	a.AddAddr(t, "x", "192.0.2.1/25")
	a.AddAddr(t, "y", "192.0.2.129/25")
	b.AddAddr(t, "bx", "192.0.2.2/25")
	b.AddAddr(t, "by", "192.0.2.130/25")
	b.AddAddr(t, "lo", "10.88.0.1/32")
	a.AddRoute(t, "x", "10.88.0.0/24", "192.0.2.2")
	s, w, gone := newSpeaker(t, a, Options{})
	other, _, _ := newSpeaker(t, b, Options{})

	local, peer := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.88.0.1")
	spec := engine.Spec{Params: params(session.Multihop), MinTTL: 250}
	spec.Params.DesiredMinTx, spec.Params.RequiredMinRx, spec.Params.DetectMult = 50_000, 50_000, 10
	discr, err := s.Add(netlinkmon.Target{Peer: peer, Local: local, Multihop: true}, spec)
	must(t, err)
	_, err = other.Add(netlinkmon.Target{Peer: local, Local: peer, Multihop: true}, spec)
	must(t, err)
	on := func(ifname string) func() bool {
		return func() bool {
			p, list := s.Path(discr), s.Interfaces()
			return p.Waiting == "" && p.Interface == ifname && len(list) == 1 && list[0].Name == ifname
		}
	}
	status := func() engine.Status {
		st, err := s.Engine().Status(t.Context(), discr)
		must(t, err)
		return st
	}
	testnet.Eventually(t, 3*time.Second, "the session is on x", on("x"))
	testnet.Eventually(t, 5*time.Second, "the session is up", func() bool { return status().State == packet.Up })
	want := bpf.Peer{Local: packet.AddrFrom(local), Peer: packet.AddrFrom(peer), MinTTL: 250, Multihop: true}
	steered := func(where string) {
		t.Helper()
		peers, deleted := w.now()
		if diff := cmp.Diff(map[steerKey]bpf.Peer{keyOf(want): want}, peers, cmp.AllowUnexported(steerKey{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", where, diff)
		}
		if deleted > 0 {
			t.Errorf("%s: steering was interrupted", where)
		}
	}
	steered("on x")
	if !portTaken(t, a) {
		t.Error("nothing listens on port 4784")
	}
	a.AddRoute(t, "y", "10.88.0.1/32", "192.0.2.130")
	testnet.Eventually(t, 3*time.Second, "the session has moved to y", on("y"))
	time.Sleep(time.Second) // twice the Detection Time
	if st := status(); st.State != packet.Up || st.Counters.Failures != 0 {
		t.Errorf("on y: %v after %d failures", st.State, st.Counters.Failures)
	}
	for _, i := range other.Interfaces() {
		if i.Name != "bx" {
			t.Errorf("the peer has opened %s", i.Name)
		}
	}
	steered("on y")
	must(t, s.SetChecks(discr, 240, false))
	want.MinTTL = 240
	testnet.Eventually(t, 3*time.Second, "the floor is 240", func() bool {
		peers, _ := w.now()
		return peers[keyOf(want)] == want
	})

	must(t, s.Remove(discr, 0))
	select {
	case <-gone:
	case <-time.After(3 * time.Second):
		t.Fatal("the session does not leave")
	}
	testnet.Eventually(t, 3*time.Second, "nothing is left", func() bool {
		peers, _ := w.now()
		return len(peers) == 0 && len(s.Interfaces()) == 0 && !portTaken(t, a)
	})
	rows.Covers(t, "5883-IF-01")
}

// portTaken reports whether somebody listens on port 4784.
func portTaken(t *testing.T, ns *testnet.NS) (taken bool) {
	t.Helper()
	must(t, ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		taken = unix.Bind(fd, &unix.SockaddrInet4{Port: packet.PortMultihop}) == unix.EADDRINUSE
		return nil
	}))
	return taken
}

// The peer's Echo is taken out of the traffic while the session offers to loop
// it and no longer, and goes to whom the option says.
func TestEchoLooping(t *testing.T) {
	for _, tt := range []struct{ option, verdict string }{
		{"auto", "steered"}, {"ring", "steered"}, {"xdp", "echo_looped"},
	} {
		t.Run(tt.option, func(t *testing.T) {
			a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
			testnet.Veth(t, a, "x", b, "bx")
			a.AddAddr(t, "x", "192.0.2.1/24")
			b.AddAddr(t, "bx", "192.0.2.2/24")
			s, w, _ := newSpeaker(t, a, Options{EchoLoop: func(string) string { return tt.option }})
			p := params(session.SingleHop)
			discr, err := s.Add(netlinkmon.Target{Peer: peer4}, engine.Spec{Params: p})
			must(t, err)
			testnet.Eventually(t, 3*time.Second, "the session has a path", func() bool { return s.Path(discr).Waiting == "" })

			send := echoSender(t, b, a)
			for _, echoRx := range []uint32{0, 50_000, 0} {
				p.EchoRx = echoRx
				must(t, s.Configure(discr, p))
				testnet.Eventually(t, 3*time.Second, "the tables follow", func() bool {
					peers, _ := w.now()
					for _, have := range peers {
						return have.Loop == (echoRx != 0)
					}
					return false
				})
				verdict := tt.verdict
				if echoRx == 0 {
					verdict = "pass_foreign"
				}
				before := s.Interfaces()[0].Counters[verdict]
				send()
				testnet.Eventually(t, time.Second, verdict, func() bool { return s.Interfaces()[0].Counters[verdict] == before+1 })
			}
		})
	}
}

// The engine learns the source of Echo packets, and people why there is none.
func TestEchoSource(t *testing.T) {
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "x", b, "bx")
	a.AddAddr(t, "x", "192.0.2.1/24")
	s, _, _ := newSpeaker(t, a, Options{})
	discr, err := s.Add(netlinkmon.Target{Peer: peer4}, engine.Spec{Params: params(session.SingleHop)})
	must(t, err)
	for _, tt := range []struct{ source, want string }{
		{"192.0.2.99", ""}, // within the interface's subnet
		{"198.51.100.9", "198.51.100.9"},
	} {
		s.SetEchoSource(netlinkmon.EchoSource{Addresses: []netip.Addr{netip.MustParseAddr(tt.source)}})
		want, _ := netip.ParseAddr(tt.want)
		testnet.Eventually(t, 3*time.Second, "source "+tt.source, func() bool {
			p := s.Path(discr)
			st, err := s.Engine().Status(t.Context(), discr)
			said := want.IsValid() || strings.Contains(p.EchoReason, tt.source)
			return err == nil && st.HasPath && p.EchoSource == want && said && st.Path.EchoSource.Netip() == want
		})
	}
}

var peer4 = netip.MustParseAddr("192.0.2.2")

// echoSender returns a function that sends an Echo packet of peer4 from one end
// of the link to the other.
func echoSender(t *testing.T, from, to *testnet.NS) func() {
	t.Helper()
	var tmpl packet.Template
	tmpl.Render(&packet.Path{
		SrcMAC: packet.MAC(from.MAC(t, "bx")), DstMAC: packet.MAC(to.MAC(t, "x")),
		Src: packet.AddrFrom(peer4), Dst: packet.AddrFrom(peer4), SrcPort: 49152, DstPort: packet.PortEcho,
	}, &packet.Control{State: packet.Up, DetectMult: 3, MyDiscr: 5}, nil)
	frame := make([]byte, packet.MaxFrame)
	frame = frame[:tmpl.Put(frame, 0)]
	fd := -1
	must(t, from.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	dst := &unix.SockaddrLinklayer{Ifindex: from.Ifindex(t, "bx")}
	return func() { must(t, unix.Sendto(fd, frame, 0, dst)) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// tryMultihop opens the multihop sockets in the end's namespace.
func (e *end) tryMultihop(o Options) (m *Multihop, err error) {
	doErr := e.Do(func() error {
		m, err = OpenMultihop("", nil, o)
		return nil
	})
	return m, errors.Join(doErr, err)
}

func (e *end) openMultihop(t testing.TB, o Options) *Multihop {
	t.Helper()
	m, err := e.tryMultihop(o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// sendUDP sends a payload from the end's own sockets to its neighbour.
func (e *end) sendUDP(t *testing.T, family, port, ttl int, payload []byte) {
	t.Helper()
	kind, level, option := unix.AF_INET, unix.IPPROTO_IP, unix.IP_TTL
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: port, Addr: e.neighbor.addr[v4].As4()}
	if family == v6 {
		kind, level, option = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
		to = &unix.SockaddrInet6{Port: port, Addr: e.neighbor.addr[v6].As16()}
	}
	fd := e.udpSocket(t, kind)
	must(t, unix.SetsockoptInt(fd, level, option, ttl))
	must(t, unix.Sendto(fd, payload, 0, to))
}

// The host-wide sockets take what comes to port 4784 on any interface, open or
// not, with all that the engine judges by; nothing of port 3784, and nothing
// can be sent by them.
func TestMultihopSockets(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	m := r.b.openMultihop(t, Options{Workers: 2})
	p := m.Port(0)
	for family := range 2 {
		for _, ttl := range []int{255, 250, 1} {
			payload := make([]byte, packet.ControlLen)
			r.a.sendUDP(t, family, packet.PortControl, 255, payload)
			payload[4] = byte(ttl)
			before := Now()
			r.a.sendUDP(t, family, packet.PortMultihop, ttl, payload)
			list := receive(t, p, 1)
			if len(list) != 1 {
				t.Fatal("nothing received")
			}
			want := packet.Datagram{
				Src: packet.AddrFrom(r.a.addr[family]), Dst: packet.AddrFrom(r.b.addr[family]),
				SrcPort: list[0].SrcPort, DstPort: packet.PortMultihop, TTL: uint8(ttl), Payload: payload,
			}
			if diff := cmp.Diff(want, list[0].Datagram); diff != "" {
				t.Errorf("family %d, TTL %d (-want +got):\n%s", family, ttl, diff)
			}
			if via := int32(r.b.Ifindex(t, r.b.ifname)); list[0].ifindex != via {
				t.Errorf("family %d, TTL %d: arrived on interface %d, want %d", family, ttl, list[0].ifindex, via)
			}
			if slack := session.Time(session.Millisecond); list[0].at < before-slack || list[0].at > Now() {
				t.Errorf("family %d, TTL %d: arrived at %d, sent after %d", family, ttl, list[0].at, before)
			}
		}
	}
	if n := m.Port(1).Receive(make([]engine.Rx, 64)) + p.Receive(make([]engine.Rx, 64)); n != 0 {
		t.Errorf("%d more were received", n)
	}
	if p.Ring() || p.Alloc(true) != nil || p.Alloc(false) != nil || p.Flush() != 0 {
		t.Error("the port sends")
	}
	if status, c := m.UDPStatus(), m.Counters(); status != "" || c["udp_rx_errors"] != 0 {
		t.Errorf("UDP status %q, counters %v", status, c)
	}
	rows.Covers(t, "5883-5-01")
}

// A multihop session's packets come by the ring of whichever interface they
// arrive on, those from too far not at all, and those of others by the socket.
func TestMultihopRing(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	i, m := r.b.open(t, Options{}), r.b.openMultihop(t, Options{})
	for family := range 2 {
		r.a.sendUDP(t, family, packet.PortMultihop, 255, make([]byte, packet.ControlLen))
		if list := receive(t, m.Port(0), 1); len(list) != 1 || len(list[0].frame) != 0 {
			t.Errorf("family %d, unknown: received %d of 1 from the socket", family, len(list))
		}
		must(t, r.b.tables.SetPeer(bpf.Peer{
			Local: packet.AddrFrom(r.b.addr[family]), Peer: packet.AddrFrom(r.a.addr[family]), MinTTL: 250, Multihop: true,
		}))
		for _, ttl := range []int{249, 1, 250} {
			r.a.sendUDP(t, family, packet.PortMultihop, ttl, make([]byte, packet.ControlLen))
		}
		list := receive(t, i.Port(0), 1)
		if len(list) != 1 || list[0].TTL != 250 || list[0].DstPort != packet.PortMultihop || len(list[0].frame) == 0 {
			t.Errorf("family %d: from the ring %+v, want the one with TTL 250", family, list)
		}
	}
	if n := i.Port(0).Receive(make([]engine.Rx, 64)) + m.Port(0).Receive(make([]engine.Rx, 64)); n != 0 {
		t.Errorf("%d more were received", n)
	}
	if n := i.Counters()["ttl"]; n != 4 {
		t.Errorf("%d dropped for TTL, want 4", n)
	}
	rows.Covers(t, "5883-TTL-01", "5082-A-01")
}

// Another program has port 4784: it is named; AF_XDP alone serves where there
// is any, and without it that is an error.
func TestMultihopPortTaken(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	pid := r.a.hold(t, packet.PortMultihop)
	m := r.a.openMultihop(t, Options{Tables: r.a.tables})
	want := fmt.Sprintf("UDP port 4784 is taken by wire.test (pid %d)", pid)
	if status := m.UDPStatus(); !strings.Contains(status, want) {
		t.Errorf("UDP status %q, want %q", status, want)
	}
	if n := m.Port(0).Receive(make([]engine.Rx, 64)); n != 0 {
		t.Errorf("received %d", n)
	}
	if _, err := r.a.tryMultihop(Options{}); !errors.Is(err, ErrPortTaken) || !strings.Contains(err.Error(), want) {
		t.Errorf("without XDP: error %v, want %q", err, want)
	}
	if _, err := r.b.tryMultihop(Options{Workers: -1}); err == nil {
		t.Error("workers: -1 was accepted")
	}
}

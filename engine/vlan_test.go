package engine

import (
	"encoding/binary"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The interfaces of these tests: two VLANs' devices over interface 1, which has a
// ring as interface 2 does; theirs are sockets.
const (
	vlan10, device10 = 10, 11
	vlan20, device20 = 20, 12
)

// vlanPath is peer n's path on a VLAN.
func vlanPath(n int, vlan uint16, device int32) Path {
	p := pathTo(n)
	p.Ifindex, p.Via, p.VLAN = device, ifindex, vlan
	return p
}

// vlanRig has the port of the VLANs' parent and of device10.
type vlanRig struct {
	*rig
	device *port
}

func newVLANRig(t testing.TB) *vlanRig {
	r := &vlanRig{newRig(t, 1), &port{socket: true}}
	r.e.AttachPort(0, device10, r.device)
	return r
}

func (r *vlanRig) session(path Path) uint32 {
	r.t.Helper()
	d, err := r.e.Add(Spec{Params: p50, DSCP: 48})
	if err == nil {
		err = r.e.SetPath(d, path)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *vlanRig) setPath(discr uint32, p Path) {
	r.t.Helper()
	if err := r.e.SetPath(discr, p); err != nil {
		r.t.Fatal(err)
	}
	r.step()
}

// leaves has the session's packets leave by one port alone, each with this tag.
func (r *vlanRig) leaves(what string, by *port, tag uint32, ports ...*port) {
	r.t.Helper()
	for _, p := range ports {
		p.out = nil
	}
	r.run(200 * ms)
	for _, p := range ports {
		if p != by && len(p.out) != 0 {
			r.t.Errorf("%s: %d packets by the wrong port", what, len(p.out))
		}
	}
	if len(by.out) < 3 {
		r.t.Fatalf("%s: %d packets in 200 ms", what, len(by.out))
	}
	for _, f := range by.out {
		if got := tagOf(f); got != tag {
			r.t.Fatalf("%s: tag %#08x, want %#08x", what, got, tag)
		}
	}
}

// tagOf returns the IEEE 802.1Q tag of a frame, 0 without one.
func tagOf(frame []byte) uint32 {
	if tag := binary.BigEndian.Uint32(frame[12:]); tag>>16 == 0x8100 {
		return tag
	}
	return 0
}

// Whole frames leave by the interface below, with the tag and the priority of
// CS6; others by the VLAN's own, where the kernel adds it. Which one it is
// matters to nothing else.
func TestViaVLAN(t *testing.T) {
	r := newVLANRig(t)
	lower, second := r.ports[0], new(port)
	r.e.AttachPort(0, 2, second)
	path := vlanPath(1, vlan10, device10)
	unresolved := path
	unresolved.MACKnown = false
	d := r.session(unresolved)
	r.step()
	r.now += sec
	r.upBy(d, 1, func(c packet.Control) {
		c.DetectMult = 100 // silence is not the subject
		rx := r.rx(1, c)
		rx.Ifindex = device10
		r.hear(0, rx)
	})
	const tagged = 0x8100_0000 | 6<<13 | vlan10
	check := func(what string, by *port, tag uint32) {
		t.Helper()
		r.leaves(what, by, tag, lower, second, r.device)
	}
	check("no MAC", r.device, 0)
	r.setPath(d, path)
	check("whole", lower, tagged)
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	check("no port below", r.device, 0)
	r.e.AttachPort(0, ifindex, &port{socket: true})
	check("no ring below", r.device, 0)
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	r.e.AttachPort(0, ifindex, lower)
	check("below again", lower, tagged)
	r.swap(&port{socket: true})
	check("no ring any more", r.device, 0)
	r.swap(lower)
	check("a ring again", lower, tagged)
	path.Via = 2
	r.setPath(d, path)
	check("another below", second, tagged)
	path.VLAN = 0
	r.setPath(d, path)
	check("a bond", second, 0)
	if st := r.status(d); st.State != packet.Up || st.Counters.Down != 0 || st.Counters.Up != 1 {
		t.Errorf("session is %v, %+v", st.State, st.Counters)
	}
	rows.Covers(t, "ENV-L2-03")
}

// The same addresses without a tag and on two VLANs, link-local ones as well: three
// sessions, each with its own packets, with or without discriminators.
func TestVLANsApart(t *testing.T) {
	for _, local := range []bool{false, true} {
		r := newVLANRig(t)
		paths := []Path{pathTo(1), vlanPath(1, vlan10, device10), vlanPath(1, vlan20, device20)}
		var discrs []uint32
		for i := range paths {
			if local {
				paths[i].Local, paths[i].Peer = addr("fe80::1"), addr("fe80::2")
			}
			discrs = append(discrs, r.session(paths[i]))
		}
		r.step()
		hear := func(at int32, c packet.Control) {
			rx := r.rx(1, c)
			rx.Src, rx.Dst, rx.Ifindex = paths[0].Peer, paths[0].Local, at
			r.hear(0, rx)
		}
		states := func() (all [3]packet.State) {
			for i, d := range discrs {
				all[i] = r.status(d).State
			}
			return all
		}
		const down, init, up = packet.Down, packet.Init, packet.Up
		for n, tt := range []struct {
			at   int32
			want [3]packet.State
		}{
			{Nobody, [3]packet.State{down, down, down}},
			{13, [3]packet.State{down, down, down}},
			{device10, [3]packet.State{down, init, down}},
			{0, [3]packet.State{init, init, down}},
			{device20, [3]packet.State{init, init, init}},
		} {
			hear(tt.at, control(1, packet.Down, 0))
			if got := states(); got != tt.want {
				t.Errorf("packet %d, of interface %d: %v, want %v", n, tt.at, got, tt.want)
			}
		}
		hear(Nobody, control(1, packet.Up, discrs[1]))
		if got := states(); got != [3]packet.State{init, init, init} {
			t.Errorf("a packet of nobody's VLAN: %v", got)
		}
		hear(device10, control(1, packet.Up, discrs[1]))
		if got := states(); got != [3]packet.State{init, up, init} {
			t.Errorf("a packet of the first VLAN: %v", got)
		}
		hear(device20, control(1, packet.AdminDown, 0))
		if got := states(); got != [3]packet.State{init, up, down} {
			t.Errorf("AdminDown on the second VLAN: %v", got)
		}
	}
	rows.Covers(t, "5880-6.3-06", "5881-3-03", "5881-6-07")
}

// A frame whose session another worker has keeps its interface.
func TestVLANHandedOver(t *testing.T) {
	r := newRig(t, 2)
	for n := 1; n <= 4; n++ {
		plain, tagged := r.add(p50, n), r.add(p50, 100+n)
		if err := r.e.SetPath(tagged, vlanPath(n, vlan10, device10)); err != nil {
			t.Fatal(err)
		}
		r.step()
		for worker := range 2 {
			rx := r.rx(n, control(n, packet.Down, 0))
			rx.Ifindex = device10
			r.hear(worker, rx)
		}
		if a, b := r.status(plain).State, r.status(tagged).State; a != packet.Down || b != packet.Init {
			t.Errorf("peer %d: without a tag %v, tagged %v", n, a, b)
		}
	}
}

package engine

import (
	"bytes"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// peerEcho is an Echo packet of a peer of another make.
func peerEcho(t testing.TB, path Path, src, dst packet.Addr, ttl uint8) []byte {
	t.Helper()
	var tmpl packet.Template
	tmpl.RenderEcho(&packet.Path{SrcMAC: path.PeerMAC, DstMAC: path.LocalMAC, Src: src, Dst: dst, SrcPort: 40_000, DstPort: packet.PortEcho, TTL: ttl})
	b := make([]byte, MaxFrame)
	e := packet.Echo{Discr: 0x600d, Seq: 7, Sent: 1}
	return b[:tmpl.PutEcho(b, &e, &packet.EchoKey{A: 99})]
}

// looped delivers a frame and returns what the engine sent for it.
func (b *loopBed) looped(frame []byte) [][]byte {
	b.t.Helper()
	b.step()
	b.collect()
	b.deliver(frame)
	var out, rest [][]byte
	for _, f := range b.ports[b.queue].out {
		var d packet.Datagram
		if packet.ParseEthernet(f, &d); d.TTL != 255 {
			out = append(out, f)
		} else {
			rest = append(rest, f)
		}
	}
	b.ports[b.queue].out = rest
	b.collect()
	return out
}

// A peer's Echo packet goes back as a router would forward it, whether it is
// addressed to the peer itself or, as FRR's are for IPv6, to us.
func TestLoopsPeersEcho(t *testing.T) {
	for _, path := range []Path{echoPathTo(1), six()} {
		p := p50
		p.EchoRx = 30_000 // and none of our own
		b := newLoopBed(t, 1, p, path)
		if st := b.status(b.discr); st.Echo.State != EchoOff || st.Echo.Loop != LoopReady || st.Echo.Offered != 30_000 || st.AdvertisedMinRx != 50_000 {
			t.Fatalf("%+v, asks for %d µs", st.Echo, st.AdvertisedMinRx)
		}
		for _, c := range []struct {
			name     string
			src, dst packet.Addr
			turn     bool
		}{{"to itself", path.Peer, path.Peer, false}, {"from elsewhere to itself", path.EchoSource, path.Peer, false}, {"to us", path.Peer, path.Local, true}} {
			frame := peerEcho(t, path, c.src, c.dst, 255)
			for _, in := range [][]byte{frame, append(bytes.Clone(frame), 0, 0, 0, 0)} { // padded by Ethernet
				want := make([]byte, MaxFrame)
				want = want[:packet.LoopEcho(want, in, c.turn)]
				out := b.looped(in)
				if len(out) != 1 || !bytes.Equal(out[0], want) {
					t.Errorf("%s: sent % x, want % x", c.name, out, want)
				}
				if b.ports[0].l3 != 14 {
					t.Errorf("%s: IP header at %d", c.name, b.ports[0].l3)
				}
			}
		}
		tagged := peerEcho(t, path, path.Peer, path.Peer, 255)
		tagged = append(append(bytes.Clone(tagged[:12]), 0x81, 0, 0xe0, 7), tagged[12:]...)
		if out := b.looped(tagged); len(out) != 1 || b.ports[0].l3 != 18 {
			t.Errorf("tagged: %d looped, IP header at %d", len(out), b.ports[0].l3)
		}
		if got := b.status(b.discr).Counters.Looped; got != 7 {
			t.Errorf("%d counted as looped", got)
		}
	}
	rows.Covers(t, "5881-4-14", "5880-6.4-01", "5880-6.4-02")
}

// What is not a peer's, not at one hop, not for our MAC or not offered stays here.
func TestLoopRefuses(t *testing.T) {
	path := echoPathTo(1)
	for _, c := range []struct {
		name  string
		frame func(t *testing.T) []byte
		want  packet.Drop
	}{
		{"TTL 254", func(t *testing.T) []byte { return peerEcho(t, path, path.Peer, path.Peer, 254) }, packet.DropUnknownYourDiscr},
		{"TTL 253", func(t *testing.T) []byte { return peerEcho(t, path, path.Peer, path.Peer, 253) }, packet.DropTTL},
		{"TTL 1", func(t *testing.T) []byte { return peerEcho(t, path, path.Peer, path.Peer, 1) }, packet.DropTTL},
		{"to a stranger", func(t *testing.T) []byte { return peerEcho(t, path, path.Peer, addr("10.9.9.9"), 255) }, packet.DropNoSession},
		{"from a stranger to us", func(t *testing.T) []byte { return peerEcho(t, path, addr("10.9.9.9"), path.Local, 255) }, packet.DropNoSession},
		{"to another MAC", func(t *testing.T) []byte {
			p := path
			p.LocalMAC = packet.MAC{2, 0, 0, 0, 7, 7}
			return peerEcho(t, p, path.Peer, path.Peer, 255)
		}, packet.DropEchoRefused},
		{"to all", func(t *testing.T) []byte {
			p := path
			p.LocalMAC = packet.MAC{255, 255, 255, 255, 255, 255}
			return peerEcho(t, p, path.Peer, path.Peer, 255)
		}, packet.DropEchoRefused},
		{"too long", func(t *testing.T) []byte {
			return append(peerEcho(t, path, path.Peer, path.Peer, 255), make([]byte, MaxFrame)...)
		}, packet.DropFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newLoopBed(t, 1, echoParams(), path)
			before := b.drops()[c.want]
			if out := b.looped(c.frame(t)); len(out) != 0 {
				t.Errorf("looped % x", out)
			}
			if got := b.drops()[c.want] - before; got != 1 || b.status(b.discr).Counters.Looped != 0 {
				t.Errorf("%d under %v: %v", got, c.want, b.drops())
			}
			if out := b.looped(peerEcho(t, path, path.Peer, path.Peer, 255)); len(out) != 1 {
				t.Errorf("afterwards a good one is not looped")
			}
		})
	}
	rows.Covers(t, "5881-4-14")
}

// Looping is offered where frames were seen to come in and to go out whole since
// the port was opened, and to no others; it obeys what is offered.
func TestLoopOffer(t *testing.T) {
	path := echoPathTo(1)
	b := newLoopBed(t, 1, echoParams(), path)
	good := peerEcho(t, path, path.Peer, path.Peer, 255)
	for i := range 4 {
		us := uint32(i%2) * 40_000
		b.configure(func(p *session.Params) { p.EchoRx = us })
		b.let(200 * ms)
		if c := b.controls[len(b.controls)-1]; c.RequiredMinEchoRx != us {
			t.Errorf("packets say %d µs, want %d", c.RequiredMinEchoRx, us)
		}
		refused := b.status(b.discr).Discards[packet.DropEchoRefused]
		if out := b.looped(good); len(out) != i%2 {
			t.Errorf("%d looped with %d µs offered", len(out), us)
		}
		if got := b.status(b.discr).Discards[packet.DropEchoRefused] - refused; got != uint64(1-i%2) {
			t.Errorf("%d refused with %d µs offered", got, us)
		}
	}
	if st := b.status(b.discr); st.State != packet.Up || st.Counters.Failures != 0 {
		t.Errorf("%v, %d failures", st.State, st.Counters.Failures)
	}

	// A port that is opened anew has proven nothing yet.
	b.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	b.step()
	b.e.AttachPort(0, ifindex, b.ports[0])
	b.step()
	if st := b.status(b.discr); st.Echo.Offered != 0 || st.Echo.Loop != LoopUnproven {
		t.Errorf("opened anew: %+v", st.Echo)
	}
	if out := b.looped(good); len(out) != 0 {
		t.Error("opened anew: looped at once")
	}
	b.let(200 * ms)
	if st := b.status(b.discr); st.Echo.Offered != 40_000 {
		t.Errorf("proven again: %+v", st.Echo)
	}

	for name, what := range map[string]func(b *rig, d uint32){
		"no frames come in": func(r *rig, d uint32) { r.hear(0, r.rx(1, control(1, packet.Up, d))) },
		"none go out": func(r *rig, d uint32) {
			r.ports[0].socket = true
			bed := &loopBed{rig: r, discr: d, path: path}
			r.hear(0, bed.framed(control(1, packet.Up, d)))
		},
		"by another interface": func(r *rig, d uint32) {
			other := new(port)
			r.e.AttachPort(0, 2, other)
			bed := &loopBed{rig: r, discr: d, path: path}
			other.in = []Rx{bed.framed(control(1, packet.Up, d))}
			r.step()
		},
	} {
		r := newRig(t, 1)
		d := r.add(echoParams(), 1)
		r.up(d, 1)
		what(r, d)
		if st := r.status(d); st.Echo.Offered != 0 || st.Echo.Loop != LoopUnproven {
			t.Errorf("%s: %+v", name, st.Echo)
		}
	}
	rows.Covers(t, "5880-6.8.13-02", "5880-6.8.7-15", "5881-4-14", "5880-6.4-01")
}

// Sessions that differ by their local address share a peer: as long as one is
// left the peer's packets go back.
func TestLoopHeirs(t *testing.T) {
	path := echoPathTo(1)
	b := newLoopBed(t, 1, echoParams(), path)
	second := path
	second.Local = addr("192.0.2.77")
	other, err := b.e.Add(Spec{Params: echoParams()})
	if err == nil {
		err = b.e.SetPath(other, second)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.step()
	good := peerEcho(t, path, path.Peer, path.Peer, 255)
	want := func(what string, n int) {
		t.Helper()
		if got := len(b.looped(good)); got != n {
			t.Errorf("%s: %d looped, want %d", what, got, n)
		}
	}
	want("a second session, not Up", 1)
	for range 3 {
		if err := b.e.ClearPath(other); err != nil {
			t.Fatal(err)
		}
		want("its path gone", 1)
		if err := b.e.SetPath(other, second); err != nil {
			t.Fatal(err)
		}
		want("its path back", 1)
	}
	if err := b.e.ClearPath(b.discr); err != nil {
		t.Fatal(err)
	}
	want("the second one inherits", 1)
	if got := b.status(other).Counters.Looped; got != 1 {
		t.Errorf("%d looped by the heir", got)
	}
	if err := b.e.Remove(other, -1); err != nil {
		t.Fatal(err)
	}
	b.step()
	b.take()
	before := b.drops()[packet.DropNoSession]
	want("nobody left", 0)
	if b.drops()[packet.DropNoSession] != before+1 {
		t.Error("not counted as of no session")
	}
	if len(b.e.twins)+b.e.peers.Len()+b.e.workers[0].paths.len() != 0 {
		t.Errorf("left behind: %v, %d, %d", b.e.twins, b.e.peers.Len(), b.e.workers[0].paths.len())
	}
	rows.Covers(t, "5881-4-14")
}

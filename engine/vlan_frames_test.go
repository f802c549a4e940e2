package engine

import (
	"testing"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// What is expected is of the VLAN's device, and is answered with the tag.
func TestVLANHeard(t *testing.T) {
	r := newVLANRig(t)
	r.e.lanes, r.e.insurance = fastpath.New(4), true
	d := r.session(vlanPath(1, vlan10, device10))
	r.step()
	r.now += sec
	var frame []byte
	r.upBy(d, 1, func(c packet.Control) {
		path := packet.Path{
			SrcMAC: peerMAC, DstMAC: localMAC, Src: pathTo(1).Peer, Dst: pathTo(1).Local, VLAN: vlan10, PCP: 6,
			SrcPort: 50_000, DstPort: packet.PortControl,
		}
		var bits uint8
		if c.Final {
			bits = packet.BitFinal
		}
		var tpl packet.Template
		tpl.Render(&path, &c, nil)
		frame = make([]byte, tpl.Len())
		tpl.Put(frame, bits)
		rx := Rx{Arrival: r.now, Frame: frame, Ifindex: device10}
		packet.ParseEthernet(frame, &rx.Datagram)
		r.hear(0, rx)
	})
	if st := r.status(d); st.Heard != HeardActive {
		t.Fatalf("%v, %v", st.State, st.Heard)
	}
	lane, _ := r.e.Lane(d)
	if heard, _ := r.e.lanes.Take(lane, frame, ifindex, int64(r.now)); heard {
		t.Error("heard on the interface below")
	}
	heard, reply := r.e.lanes.Take(lane, frame, device10, int64(r.now))
	if !heard || reply != nil {
		t.Errorf("heard %v, reply %x", heard, reply)
	}
	_, reply = r.e.lanes.Take(lane, frame, device10, int64(r.now+sec))
	if reply == nil || tagOf(reply) != 0x8100_0000|6<<13|vlan10 {
		t.Errorf("reply %x", reply)
	}
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(ifindex, now) })
	r.step()
	if heard, _ := r.e.lanes.Take(lane, frame, device10, int64(r.now)); heard {
		t.Error("heard while what is answered has no tag")
	}
}

// Echo on a VLAN goes round with its tag, ours and the peer's.
func TestVLANEcho(t *testing.T) {
	path := echoPathTo(1)
	path.Ifindex, path.Via, path.VLAN = device10, ifindex, vlan10
	b := newLoopBed(t, 1, echoParams(), path)
	b.let(sec)
	b.wantEcho("on a VLAN", EchoActive)
	if len(b.echoes) < 30 {
		t.Fatalf("%d Echo packets", len(b.echoes))
	}
	for _, f := range b.echoes {
		if tagOf(f) != 0x8100_0000|6<<13|vlan10 {
			t.Fatalf("an Echo packet with tag %#08x", tagOf(f))
		}
	}
	theirs := packet.Path{
		SrcMAC: peerMAC, DstMAC: localMAC, Src: path.Peer, Dst: path.Peer, SrcPort: 50_000, DstPort: packet.PortEcho,
	}
	send := func(vlan uint16) (looped [][]byte) {
		theirs.VLAN, theirs.PCP = vlan, 5
		var tpl packet.Template
		tpl.RenderEcho(&theirs)
		frame := make([]byte, MaxFrame)
		b.deliver(frame[:tpl.PutEcho(frame, &packet.Echo{Discr: 7}, &packet.EchoKey{})])
		looped, b.ports[0].out = b.ports[0].out, nil
		return looped
	}
	if got := send(vlan10); len(got) != 1 || tagOf(got[0]) != 0x8100_0000|5<<13|vlan10 || packet.MAC(got[0][:6]) != peerMAC {
		t.Errorf("looped %x", got)
	}
	if got := send(0); len(got) != 0 {
		t.Errorf("without a tag: looped %x", got)
	}
	b.quiet, b.loop = true, func([]byte) bool { return false }
	b.let(sec)
	if st := b.status(b.discr); st.State != packet.Down || st.Diag != packet.DiagEchoFailed {
		t.Errorf("%v, %v", st.State, st.Diag)
	}
}

// In steady state the XDP program hears a VLAN's packets alone, as it does others.
func TestVLANHeardAlone(t *testing.T) {
	r := newRig(t, 1)
	r.e.lanes = fastpath.New(4)
	path := vlanPath(1, vlan10, device10)
	b := newLoopBedOn(r, p50, path)
	b.let(sec)
	if n := b.rings(10 * sec); n != 0 {
		t.Errorf("%d packets came through the ring", n)
	}
	if st := b.status(b.discr); st.Heard != HeardActive || st.State != packet.Up {
		t.Errorf("%v, %v", st.State, st.Heard)
	}
	b.quiet = true
	b.let(sec)
	st := b.status(b.discr)
	if silence := st.Change.At - st.LastRx; st.State != packet.Down || silence != 150*ms {
		t.Errorf("%v after %d ns", st.State, silence)
	}
}

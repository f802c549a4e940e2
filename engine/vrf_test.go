package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// The VRFs of these tests, and their interfaces: 2 is in no VRF, 11 in red, 21 in blue.
const (
	red, blue = 10, 20
	inNone    = ifindex + 1
	inRed     = red + 1
	inBlue    = blue + 1
)

// vrfRig has sessions with the same two addresses in three VRFs.
func vrfRig(t *testing.T, params session.Params) (r *rig, of map[int32]uint32) {
	t.Helper()
	r = newRig(t, 1)
	for i, vrf := range map[int32]int32{inRed: red, red: red, inBlue: blue, blue: blue} {
		r.e.SetVRF(i, vrf)
	}
	of = make(map[int32]uint32)
	for vrf, via := range map[int32]int32{0: inNone, red: inRed, blue: inBlue} {
		d, err := r.e.Add(Spec{Params: params})
		path := pathTo(1)
		path.Ifindex, path.VRF = via, vrf
		if err == nil {
			err = r.e.SetPath(d, path)
		}
		if err != nil {
			t.Fatal(err)
		}
		of[vrf] = d
	}
	r.run(sec)
	return r, of
}

// takers delivers a datagram on an interface and returns the VRFs whose sessions
// took it.
func (r *rig) takers(via int32, of map[int32]uint32, rx Rx) string {
	before := make(map[int32]uint64)
	for vrf, d := range of {
		before[vrf] = r.status(d).Counters.Rx
	}
	p := &port{in: []Rx{rx}}
	r.e.AttachPort(0, via, p)
	r.step()
	r.e.post(0, func(w *Worker, now session.Time) { w.detach(via, now) })
	r.step()
	var took []int32
	for _, vrf := range []int32{0, red, blue} {
		if r.status(of[vrf]).Counters.Rx != before[vrf] {
			took = append(took, vrf)
		}
	}
	return fmt.Sprint(took)
}

// Sessions with the same two addresses in several VRFs never take each other's
// packets: not by their addresses, and not by a discriminator that is another's.
func TestVRFsDoNotMix(t *testing.T) {
	for _, c := range []struct {
		name   string
		params session.Params
		port   uint16
		by     []int32 // what it may arrive by, and the VRF that has it
		vrf    []int32
	}{
		{"single hop", p50, packet.PortControl, []int32{inNone, inRed, inBlue}, []int32{0, red, blue}},
		{"multihop", far(), packet.PortMultihop, []int32{inNone, 99, anyInterface, inRed, red, inBlue, blue}, []int32{0, 0, 0, red, red, blue, blue}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, of := vrfRig(t, c.params)
			for i, via := range c.by {
				first := r.rx(1, control(1, packet.Down, 0))
				first.DstPort = c.port
				if got, want := r.takers(via, of, first), fmt.Sprint([]int32{c.vrf[i]}); got != want {
					t.Errorf("interface %d, without a discriminator: taken in %s, want %s", via, got, want)
				}
				for vrf, d := range of {
					named := r.rx(1, control(1, packet.Down, d))
					named.DstPort = c.port
					want, wrong := "[]", r.status(d).Discards[packet.DropWrongInterface]
					if vrf == c.vrf[i] {
						want = fmt.Sprint([]int32{vrf})
					}
					if got := r.takers(via, of, named); got != want {
						t.Errorf("interface %d, the discriminator of VRF %d: taken in %s, want %s", via, vrf, got, want)
					}
					if told := r.status(d).Discards[packet.DropWrongInterface] - wrong; (told == 1) != (want == "[]") {
						t.Errorf("interface %d, the discriminator of VRF %d: %d discards", via, vrf, told)
					}
				}
			}
			rows.Covers(t, "5880-6.3-06", "5881-3-03")
		})
	}
}

// Where one fails the others stay.
func TestVRFFailsAlone(t *testing.T) {
	r, of := vrfRig(t, far())
	ports := map[int32]*port{0: {}, red: {}, blue: {}}
	for vrf, p := range ports {
		r.e.AttachPort(0, vrf, p)
	}
	say := func(silent int32) {
		for vrf, p := range ports {
			if vrf != silent {
				rx := r.rx(1, control(int(100+vrf), packet.Up, of[vrf]))
				if r.status(of[vrf]).State == packet.Down {
					rx = r.rx(1, control(int(100+vrf), packet.Down, 0))
				}
				rx.DstPort, rx.Arrival = packet.PortMultihop, r.now
				p.in = append(p.in, rx)
			}
		}
		r.run(40 * ms)
	}
	for range 20 {
		say(-1)
	}
	for vrf, d := range of {
		if st := r.status(d); st.State != packet.Up || st.Remote.Discr != peerDiscr(int(100+vrf)) {
			t.Fatalf("VRF %d: %v, remote %d", vrf, st.State, st.Remote.Discr)
		}
	}
	for range 20 {
		say(red)
	}
	for vrf, d := range of {
		if st := r.status(d); (st.State == packet.Up) != (vrf != red) || st.Remote.Discr != 0 && vrf == red {
			t.Errorf("VRF %d: %v", vrf, st.State)
		}
	}
	rows.Covers(t, "5880-6.3-06")
}

// A Poll is answered in the VRF in which it came, by its interface.
func TestPollFinalInVRF(t *testing.T) {
	for _, kind := range []session.Params{p50, far()} {
		r, of := vrfRig(t, kind)
		ports := map[int32]*port{0: {}, red: {}, blue: {}}
		for vrf, via := range map[int32]int32{0: inNone, red: inRed, blue: inBlue} {
			r.e.AttachPort(0, via, ports[vrf])
		}
		r.run(2 * sec)
		for vrf, d := range of {
			for _, p := range ports {
				p.out = nil
			}
			poll := control(7, packet.Down, d)
			poll.Poll = true
			rx := r.rx(1, poll)
			if kind.Kind == session.Multihop {
				rx.DstPort = packet.PortMultihop
			}
			ports[vrf].in = []Rx{rx}
			r.step()
			for other, p := range ports {
				finals := 0
				for _, s := range p.sent(t) {
					if s.Final {
						finals++
					}
				}
				if finals == 1 != (other == vrf) || finals > 1 {
					t.Errorf("a Poll in VRF %d: %d Finals leave in VRF %d", vrf, finals, other)
				}
			}
		}
	}
}

// One pair of addresses is one multihop session in each VRF.
func TestDuplicateInVRF(t *testing.T) {
	r, of := vrfRig(t, far())
	d, err := r.e.Add(Spec{Params: far()})
	if err != nil {
		t.Fatal(err)
	}
	path := pathTo(1)
	path.Ifindex, path.VRF = inRed+1, red
	if err := r.e.SetPath(d, path); !errors.Is(err, ErrDuplicate) {
		t.Errorf("a second one in red: %v", err)
	}
	path.VRF = red + 1
	if err := r.e.SetPath(d, path); err != nil {
		t.Errorf("the first one in another VRF: %v", err)
	}
	if err := r.e.Remove(of[red], -1); err != nil {
		t.Fatal(err)
	}
	r.step()
	path.VRF = red
	if err := r.e.SetPath(d, path); err != nil {
		t.Errorf("after red's has gone: %v", err)
	}
}

// An interface that goes into another VRF takes its packets along.
func TestInterfaceMovesToVRF(t *testing.T) {
	r, of := vrfRig(t, far())
	first := r.rx(1, control(1, packet.Down, 0))
	first.DstPort = packet.PortMultihop
	for _, c := range []struct {
		vrf  int32
		want string
	}{{blue, "[20]"}, {0, "[0]"}, {red, "[10]"}} {
		r.e.SetVRF(inRed, c.vrf)
		if got := r.takers(inRed, of, first); got != c.want {
			t.Errorf("moved to %d: taken in %s, want %s", c.vrf, got, c.want)
		}
	}
}

// What the XDP program hears by itself for a multihop session it hears no more on an
// interface that has left the VRF.
func TestMoveEndsHearing(t *testing.T) {
	b := newHeardBed(t, far())
	b.let(sec)
	if st := b.status(b.discr); st.Heard != HeardActive {
		t.Fatalf("%v, %v", st.State, st.Heard)
	}
	b.e.SetVRF(ifindex, red)
	b.step()
	if st := b.status(b.discr); st.Heard != HeardWaiting {
		t.Errorf("%v after its interface went into a VRF", st.Heard)
	}
	if n := b.rings(100 * ms); n != 0 {
		t.Errorf("%d packets from another VRF were accepted", n)
	}
	b.let(sec)
	if st := b.status(b.discr); st.State != packet.Down {
		t.Errorf("%v, though nothing is heard in its VRF", st.State)
	}
}

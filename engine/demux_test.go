package engine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Once the peer reflects our discriminator nothing else of the packet matters.
func TestDemuxByDiscriminator(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.up(d, 1)
	before := r.status(d).Counters.Rx

	elsewhere := r.rx(1, control(1, packet.Up, d))
	elsewhere.Src, elsewhere.SrcPort = addr("198.51.100.7"), 1024
	r.hear(0, elsewhere)
	other := new(port)
	r.e.AttachPort(0, 2, other)
	other.in = []Rx{elsewhere}
	r.step()

	if got := r.status(d).Counters.Rx; got != before+2 {
		t.Errorf("session took %d of 2 packets from another address, port and interface", got-before)
	}
	if st := r.status(d); st.Path != pathTo(1) || st.State != packet.Up {
		t.Errorf("a packet from elsewhere changed the path to %+v or the state to %v", st.Path, st.State)
	}
	rows.Covers(t, "5880-6.3-03", "5881-6-04", "5881-6-05", "5881-4-06")
}

// Without it, interface and both addresses are what counts.
func TestDemuxByAddress(t *testing.T) {
	near := r2path(1, "192.0.2.1", "10.0.0.1")
	tests := []struct {
		name string
		path Path // of the packet, as its receiver has it
		want uint32
	}{
		{"same", near, 1},
		{"other interface", r2path(2, "192.0.2.1", "10.0.0.1"), 2},
		{"other peer", r2path(1, "192.0.2.1", "10.0.0.9"), 0},
		{"other local address", r2path(1, "192.0.2.9", "10.0.0.1"), 0},
		{"link-local", r2path(1, "fe80::1", "fe80::2"), 3},
		{"link-local on another interface", r2path(2, "fe80::1", "fe80::2"), 4},
		{"link-local the other way round", r2path(1, "fe80::2", "fe80::1"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 1)
			p2 := new(port)
			r.e.AttachPort(0, 2, p2)
			discr := make(map[uint32]uint32)
			for i, p := range []Path{near, tests[1].path, tests[4].path, tests[5].path} {
				d := r.add(p50, 100+i)
				if err := r.e.SetPath(d, p); err != nil {
					t.Fatal(err)
				}
				discr[d] = uint32(i + 1)
			}
			r.step()
			rx := r.rx(1, control(1, packet.Down, 0))
			rx.Src, rx.Dst = tt.path.Peer, tt.path.Local
			in := r.ports[0]
			if tt.path.Ifindex == 2 {
				in = p2
			}
			in.in = []Rx{rx}
			r.step()
			moved := uint32(0)
			for d, n := range discr {
				if r.status(d).State == packet.Init {
					moved = n
				}
			}
			if moved != tt.want {
				t.Errorf("session %d moved, want %d", moved, tt.want)
			}
			if got := r.drops()[packet.DropNoSession]; (got == 1) != (tt.want == 0) {
				t.Errorf("%d packets counted as of no session", got)
			}
			rows.Covers(t, "5880-6.8.6-12", "5880-6.8.6-13", "5881-3-03", "5881-6-07")
		})
	}
}

func r2path(ifindex int32, local, peer string) Path {
	return Path{Ifindex: ifindex, Local: addr(local), Peer: addr(peer), MACKnown: true}
}

// A discriminator that nobody has is never replaced by the addresses.
func TestUnknownDiscriminator(t *testing.T) {
	r := newRig(t, 2)
	d := r.add(p50, 1)
	r.step()
	worker, slot := r.e.key.find(d)
	unknown := map[string]uint32{
		"slot never used":       r.e.key.make(worker, slot+1, 0),
		"slot beyond the table": r.e.key.make(worker, MaxSlots-1, 0),
		"former generation":     r.e.key.make(worker, slot, 7),
		"other worker":          r.e.key.make(1-worker, slot, 0),
		"no such worker":        r.e.key.make(9, slot, 0),
	}
	for name, bad := range unknown {
		t.Run(name, func(t *testing.T) {
			before := r.drops()[packet.DropUnknownYourDiscr]
			for queue := range r.ports {
				r.hear(queue, r.rx(1, control(1, packet.Down, bad)))
			}
			if got := r.drops()[packet.DropUnknownYourDiscr] - before; got != 2 {
				t.Errorf("%d of 2 packets counted as of an unknown discriminator", got)
			}
			if st := r.status(d); st.State != packet.Down || st.Remote.Discr != 0 || st.Counters.Rx != 0 {
				t.Errorf("the session at these addresses heard it: %v, remote %#x", st.State, st.Remote.Discr)
			}
			rows.Covers(t, "5880-6.8.6-09")
		})
	}
}

// spoil changes a payload.
func spoil(edit func(b []byte)) func(*Rx) { return func(rx *Rx) { edit(rx.Payload) } }

// discards are ways to spoil a packet, several faults at once where their order
// matters.
var discards = []struct {
	name     string
	spoil    func(rx *Rx)
	want     packet.Drop
	session  bool // counted there too
	coverage []string
}{
	{"frame", func(rx *Rx) { rx.Drop = packet.DropBadChecksum }, packet.DropBadChecksum, false, nil},
	{"port", func(rx *Rx) { rx.DstPort = 4790 }, packet.DropFrame, false, nil},
	{"short", func(rx *Rx) { rx.Payload = rx.Payload[:23] }, packet.DropShort, false, nil},
	{"version 0 before zero multiplier", spoil(func(b []byte) { b[0] &= 0x1f; b[2] = 0 }), packet.DropBadVersion, false, nil},
	{"length 23 before M", spoil(func(b []byte) { b[3] = 23; b[1] |= 1 }), packet.DropBadLengthMin, false, nil},
	{"length 25 of 24 bytes", spoil(func(b []byte) { b[3] = 25 }), packet.DropBadLengthMax, false, nil},
	{"zero multiplier before M and my discriminator", spoil(func(b []byte) { b[2] = 0; b[1] |= 1; clear(b[4:8]) }), packet.DropZeroMult, false, nil},
	{"M", spoil(func(b []byte) { b[1] |= 1 }), packet.DropMultipoint, false, nil},
	{"zero my discriminator before unknown yours", spoil(func(b []byte) { clear(b[4:8]); b[8] ^= 0xff }), packet.DropZeroMyDiscr, false, nil},
	{"unknown discriminator before A", func(rx *Rx) {
		rx.Payload[8] ^= 0xff
		rx.Payload[1] |= 4
		rx.Payload = append(rx.Payload, 1, 2)
		rx.Payload[3] = 26
	}, packet.DropUnknownYourDiscr, false, nil},
	{"no discriminator and Up", spoil(func(b []byte) { clear(b[8:12]) }), packet.DropZeroYourDiscrState, false, nil},
	{"no discriminator and Init", spoil(func(b []byte) { clear(b[8:12]); b[1] = 2 << 6 }), packet.DropZeroYourDiscrState, false, nil},
	{"no session", func(rx *Rx) { clear(rx.Payload[8:12]); rx.Payload[1] = 1 << 6; rx.Src = addr("10.9.9.9") }, packet.DropNoSession, false, nil},
	{"TTL", func(rx *Rx) { rx.TTL = 254 }, packet.DropTTL, true, nil},
	{"TTL without discriminator", func(rx *Rx) { clear(rx.Payload[8:12]); rx.Payload[1] = 1 << 6; rx.TTL = 64 }, packet.DropTTL, true, nil},
	{"TTL before A", func(rx *Rx) {
		rx.TTL = 0
		rx.Payload[1] |= 4
		rx.Payload = append(rx.Payload, 1, 4, 0, 'x')
		rx.Payload[3] = 28
	}, packet.DropTTL, true, nil},
	{"A", func(rx *Rx) { rx.Payload[1] |= 4; rx.Payload = append(rx.Payload, 1, 4, 0, 'x'); rx.Payload[3] = 28 }, packet.DropAuthUnexpected, true, []string{"5880-6.8.6-14"}},
}

// Every check has its counter, and the first that fails is the one that counts.
func TestDiscards(t *testing.T) {
	for _, tt := range discards {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 1)
			d := r.add(p50, 1)
			r.up(d, 1)
			before := r.status(d)
			c := control(1, packet.Up, d)
			c.Poll, c.MyDiscr, c.DetectMult = true, 0xdead, 77
			rx := r.rx(1, c)
			tt.spoil(&rx)
			r.ports[0].out = nil
			r.hear(0, rx)

			var drops Discards
			drops[tt.want] = 1
			if diff := cmp.Diff(drops, r.drops()); diff != "" {
				t.Errorf("worker's discards (-want +got):\n%s", diff)
			}
			after := r.status(d)
			if !tt.session {
				drops[tt.want] = 0
			}
			if diff := cmp.Diff(drops, after.Discards); diff != "" {
				t.Errorf("session's discards (-want +got):\n%s", diff)
			}
			after.Discards = before.Discards
			if diff := cmp.Diff(before, after, cmp.AllowUnexported(addrKey{})); diff != "" {
				t.Errorf("a discarded packet changed the session:\n%s", diff)
			}
			if n := len(r.ports[0].out); n != 0 {
				t.Errorf("a discarded packet was answered by %d", n)
			}
			rows.Covers(t, append(tt.coverage, "5880-6.8.6-29", "5880-6.8.6-30")...)
		})
	}
}

// In AdminDown a packet is valid, noted and not received.
func TestLocalAdminDown(t *testing.T) {
	r := newRig(t, 1)
	p := p50
	p.AdminDown = true
	d := r.add(p, 1)
	r.step()
	c := control(1, packet.Up, d)
	c.Poll = true
	r.hear(0, r.rx(1, c))
	st := r.status(d)
	if st.State != packet.AdminDown || st.Remote.Discr != peerDiscr(1) {
		t.Errorf("%v, remote %#x", st.State, st.Remote.Discr)
	}
	if st.Counters.Rx != 0 || st.Discards[packet.DropLocalAdminDown] != 1 || r.drops()[packet.DropLocalAdminDown] != 1 {
		t.Errorf("received %d, discarded %d", st.Counters.Rx, st.Discards[packet.DropLocalAdminDown])
	}
	for _, s := range r.ports[0].sent(t) {
		if s.Final {
			t.Error("a Final while AdminDown")
		}
	}
	rows.Covers(t, "5880-6.8.6-25")
}

// One session per interface and pair of addresses.
func TestDuplicate(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	other, err := r.e.Add(Spec{Params: p50})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.e.SetPath(other, pathTo(1)); !errors.Is(err, ErrDuplicate) {
		t.Errorf("a second session for the same path: %v", err)
	}
	if err := r.e.SetPath(d, pathTo(1)); err != nil {
		t.Errorf("the same path again: %v", err)
	}
	if err := r.e.SetPath(other, r2path(2, "192.0.2.1", "10.0.0.1")); err != nil {
		t.Errorf("the same addresses on another interface: %v", err)
	}
	if err := r.e.ClearPath(d); err != nil {
		t.Fatal(err)
	}
	if err := r.e.SetPath(other, pathTo(1)); err != nil {
		t.Errorf("a path that nobody has any more: %v", err)
	}
	rows.Covers(t, "5881-3-02")
}

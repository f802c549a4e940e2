package speaker

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// fakeTables hold what the real ones would.
type fakeTables struct {
	peers  map[steerKey]bpf.Peer
	discrs map[uint32]bool
	full   bool // for discriminators
}

var errFull = errors.New("full")

func (f *fakeTables) SetPeer(p bpf.Peer) error {
	f.peers[keyOf(p)] = p
	return nil
}

func (f *fakeTables) DelPeer(ifindex int32, local, peer packet.Addr) error {
	delete(f.peers, steerKey{ifindex, local, peer})
	return nil
}

func (f *fakeTables) AddDiscr(discr uint32, lane int) error {
	if f.full {
		return errFull
	}
	f.discrs[discr] = true
	return nil
}

func (f *fakeTables) DelDiscr(discr uint32) error {
	delete(f.discrs, discr)
	return nil
}

func pathTo(peer string) *netlinkmon.Path {
	return &netlinkmon.Path{Ifindex: 7, Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr(peer)}
}

// TestSteering follows sessions that share addresses for a while.
func TestSteering(t *testing.T) {
	f := &fakeTables{peers: map[steerKey]bpf.Peer{}, discrs: map[uint32]bool{}}
	s := steering{tables: f, lane: func(uint32) int { return bpf.NoLane }, users: map[steerKey]user{}, earlier: map[steerKey][]user{}}
	plain := steerSpecOf(engine.Spec{})
	one, two := plain.peer(pathTo("192.0.2.2")), plain.peer(pathTo("192.0.2.3"))
	far := bpf.Peer{Local: one.Local, Peer: one.Peer, Multihop: true, MinTTL: 254}
	loop, near := one, far
	loop.Loop, near.MinTTL = true, 255
	steps := []struct {
		name   string
		do     func() error
		err    error
		peers  []bpf.Peer
		discrs []uint32
	}{
		{"the first comes", func() error { return s.set(1, one) }, nil, []bpf.Peer{one}, []uint32{1}},
		{"again", func() error { return s.set(1, one) }, nil, []bpf.Peer{one}, []uint32{1}},
		{"it loops", func() error { return s.set(1, loop) }, nil, []bpf.Peer{loop}, []uint32{1}},
		{"another comes in its place", func() error { return s.set(2, one) }, nil, []bpf.Peer{one}, []uint32{1, 2}},
		{"the first has no say", func() error { return s.set(1, one) }, nil, []bpf.Peer{one}, []uint32{1, 2}},
		{"nor now", func() error { return s.set(1, loop) }, nil, []bpf.Peer{one}, []uint32{1, 2}},
		{"the other leaves", func() error { return s.remove(2, one) }, nil, []bpf.Peer{loop}, []uint32{1}},
		{"and comes back", func() error { return s.set(2, one) }, nil, []bpf.Peer{one}, []uint32{1, 2}},
		{"the first leaves", func() error { return s.remove(1, loop) }, nil, []bpf.Peer{one}, []uint32{2}},
		{"one with another peer", func() error { return s.set(3, two) }, nil, []bpf.Peer{one, two}, []uint32{2, 3}},
		{"multihop to the same peer", func() error { return s.set(6, far) }, nil, []bpf.Peer{one, two, far}, []uint32{2, 3, 6}},
		{"with another floor", func() error { return s.set(6, near) }, nil, []bpf.Peer{one, two, near}, []uint32{2, 3, 6}},
		{"it leaves", func() error { return s.remove(6, near) }, nil, []bpf.Peer{one, two}, []uint32{2, 3}},
		{"the second leaves", func() error { return s.remove(2, one) }, nil, []bpf.Peer{two}, []uint32{3}},
		{"no room", func() error { f.full = true; return s.set(4, one) }, errFull, []bpf.Peer{two}, []uint32{3}},
		{"no room beside another", func() error { return s.set(5, two) }, errFull, []bpf.Peer{two}, []uint32{3}},
		{"the last leaves", func() error { return s.remove(3, two) }, nil, nil, nil},
	}
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
		peers, discrs := map[steerKey]bpf.Peer{}, map[uint32]bool{}
		for _, p := range step.peers {
			peers[keyOf(p)] = p
		}
		for _, d := range step.discrs {
			discrs[d] = true
		}
		if diff := cmp.Diff(peers, f.peers, cmp.AllowUnexported(steerKey{})); diff != "" {
			t.Errorf("%s: peers (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(discrs, f.discrs); diff != "" {
			t.Errorf("%s: discriminators (-want +got):\n%s", step.name, diff)
		}
	}
	if len(s.users)+len(s.earlier) != 0 {
		t.Errorf("left behind: %v, %v", s.users, s.earlier)
	}
}

// TestNoSteering is a host without XDP.
func TestNoSteering(t *testing.T) {
	var s steering
	p := bpf.Peer{Ifindex: 7}
	if err := errors.Join(s.set(1, p), s.remove(1, p)); err != nil {
		t.Error(err)
	}
}

func TestSteerSpec(t *testing.T) {
	path := pathTo("192.0.2.2")
	local, peer := packet.AddrFrom(path.Local), packet.AddrFrom(path.Peer)
	hop := bpf.Peer{Ifindex: 7, Local: local, Peer: peer}
	far := bpf.Peer{Local: local, Peer: peer, Multihop: true, MinTTL: 254}
	loop, low := hop, far
	loop.Loop, low.MinTTL = true, 200
	echo := session.Params{EchoRx: 1000}
	for _, tt := range []struct {
		name string
		spec engine.Spec
		then session.Params
		want [2]bpf.Peer // as added, and with other parameters
	}{
		{"single hop", engine.Spec{}, echo, [2]bpf.Peer{hop, loop}},
		{"with Echo", engine.Spec{Params: echo}, session.Params{}, [2]bpf.Peer{loop, hop}},
		{"strict", engine.Spec{Strict: true, MinTTL: 0}, session.Params{}, [2]bpf.Peer{hop, hop}},
		{"multihop", engine.Spec{Params: session.Params{Kind: session.Multihop}}, echo, [2]bpf.Peer{far, far}},
		{"its floor", engine.Spec{Params: session.Params{Kind: session.Multihop}, MinTTL: 200}, echo, [2]bpf.Peer{low, low}},
		{"unaffiliated", engine.Spec{Params: session.Params{Kind: session.Unaffiliated}}, echo, [2]bpf.Peer{hop, hop}},
	} {
		w := steerSpecOf(tt.spec)
		got := [2]bpf.Peer{w.peer(path)}
		w.configure(tt.then)
		got[1] = w.peer(path)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

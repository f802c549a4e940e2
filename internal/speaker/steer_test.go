package speaker

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// fakeTables hold what the real ones would.
type fakeTables struct {
	peers  map[steerKey]bool
	discrs map[uint32]bool
	full   bool // for discriminators
}

var errFull = errors.New("full")

func (f *fakeTables) AddPeer(ifindex int32, local, peer packet.Addr) error {
	f.peers[steerKey{ifindex, local, peer}] = true
	return nil
}

func (f *fakeTables) DelPeer(ifindex int32, local, peer packet.Addr) error {
	delete(f.peers, steerKey{ifindex, local, peer})
	return nil
}

func (f *fakeTables) AddDiscr(discr uint32) error {
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

func pathTo(peer string) engine.Path {
	return engine.Path{
		Ifindex: 7, Local: packet.AddrFrom(netip.MustParseAddr("192.0.2.1")), Peer: packet.AddrFrom(netip.MustParseAddr(peer)),
	}
}

// TestSteering follows sessions that share addresses for a while.
func TestSteering(t *testing.T) {
	f := &fakeTables{peers: map[steerKey]bool{}, discrs: map[uint32]bool{}}
	s := steering{tables: f, users: map[steerKey]int{}}
	one, two := pathTo("192.0.2.2"), pathTo("192.0.2.3")
	steps := []struct {
		name   string
		do     func() error
		err    error
		peers  []engine.Path
		discrs []uint32
	}{
		{"the first comes", func() error { return s.add(1, one) }, nil, []engine.Path{one}, []uint32{1}},
		{"another comes in its place", func() error { return s.add(2, one) }, nil, []engine.Path{one}, []uint32{1, 2}},
		{"the first leaves", func() error { return s.remove(1, one) }, nil, []engine.Path{one}, []uint32{2}},
		{"one with another peer", func() error { return s.add(3, two) }, nil, []engine.Path{one, two}, []uint32{2, 3}},
		{"the second leaves", func() error { return s.remove(2, one) }, nil, []engine.Path{two}, []uint32{3}},
		{"no room", func() error { f.full = true; return s.add(4, one) }, errFull, []engine.Path{two}, []uint32{3}},
		{"no room beside another", func() error { return s.add(5, two) }, errFull, []engine.Path{two}, []uint32{3}},
		{"the last leaves", func() error { return s.remove(3, two) }, nil, nil, nil},
	}
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
		peers, discrs := map[steerKey]bool{}, map[uint32]bool{}
		for _, p := range step.peers {
			peers[keyOf(p)] = true
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
	if len(s.users) != 0 {
		t.Errorf("left behind: %v", s.users)
	}
}

// TestNoSteering is a host without XDP.
func TestNoSteering(t *testing.T) {
	var s steering
	if err := errors.Join(s.add(1, pathTo("192.0.2.2")), s.remove(1, pathTo("192.0.2.2"))); err != nil {
		t.Error(err)
	}
}

package bpf

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

func TestTables(t *testing.T) {
	testnet.RequireRoot(t)
	tables := newTables(t)
	l4, p4, l6, p6 := packet.AddrFrom(local4), packet.AddrFrom(peer4), packet.AddrFrom(local6), packet.AddrFrom(peer6)
	set := func(ifindex int32, local, peer packet.Addr, loop bool) func() error {
		return func() error { return tables.SetPeer(Peer{Ifindex: ifindex, Local: local, Peer: peer, Loop: loop}) }
	}
	del := func(ifindex int32, local, peer packet.Addr) func() error {
		return func() error { return tables.DelPeer(ifindex, local, peer) }
	}
	far := func(minTTL uint8) func() error {
		return func() error { return tables.SetPeer(Peer{Local: l4, Peer: p4, MinTTL: minTTL, Multihop: true}) }
	}
	steps := []struct {
		name                         string
		do                           func() error
		peers, locals, loops, discrs int
	}{
		{"first peer", set(1, l4, p4, false), 1, 1, 0, 0},
		{"again", set(1, l4, p4, false), 1, 1, 0, 0},
		{"second peer of one address", set(1, l4, l6, false), 2, 1, 0, 0},
		{"other interface", set(2, l4, p4, true), 3, 2, 1, 0},
		{"other family", set(1, l6, p6, true), 4, 3, 2, 0},
		{"looping for the first", set(1, l4, p4, true), 4, 3, 3, 0},
		{"a second session with that peer", set(1, l6, p4, true), 5, 3, 3, 0},
		{"the first loops no more", set(1, l4, p4, false), 5, 3, 3, 0},
		{"nor the second", set(1, l6, p4, false), 5, 3, 2, 0},
		{"multihop", far(254), 6, 4, 2, 0},
		{"another floor", far(250), 6, 4, 2, 0},
		{"discriminator", func() error { return tables.AddDiscr(discr, NoLane) }, 6, 4, 2, 1},
		{"discriminator again", func() error { return tables.AddDiscr(discr, NoLane) }, 6, 4, 2, 1},
		{"delete unknown peer", del(3, l4, p4), 6, 4, 2, 1},
		{"delete multihop", del(0, l4, p4), 5, 3, 2, 1},
		{"delete first peer", del(1, l4, p4), 4, 3, 2, 1},
		{"delete it again", del(1, l4, p4), 4, 3, 2, 1},
		{"delete second peer", del(1, l4, l6), 3, 2, 2, 1},
		{"delete a looping one", del(2, l4, p4), 2, 1, 1, 1},
		{"delete the rest", func() error {
			return errors.Join(tables.DelPeer(1, l6, p4), tables.DelPeer(1, l6, p6), tables.DelDiscr(discr))
		}, 0, 0, 0, 0},
		{"delete unknown discriminator", func() error { return tables.DelDiscr(discr) }, 0, 0, 0, 0},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got := [4]int{
			entries(t, tables.peers), entries(t, tables.locals.table), entries(t, tables.loops.table),
			entries(t, tables.discrs),
		}
		if want := [4]int{s.peers, s.locals, s.loops, s.discrs}; got != want {
			t.Errorf("%s: %v peers, locals, loops, discriminators; want %v", s.name, got, want)
		}
	}
	if err := tables.AddDiscr(0, NoLane); err == nil {
		t.Error("discriminator 0 was accepted")
	}
}

// What is told of a session reaches the program, also when it changes.
func TestSetPeerChanges(t *testing.T) {
	b := newRig(t, true)
	run := func(p Peer, f *frame) string {
		t.Helper()
		must(t, b.tables.SetPeer(p))
		_, verdict, _ := b.run(t, f.bytes(t))
		return verdict
	}
	far := Peer{Local: packet.AddrFrom(farLocal4), Peer: packet.AddrFrom(farPeer4), Multihop: true}
	near := hop(loopback, local4, peer4)
	for _, tt := range []struct {
		minTTL  uint8
		verdict string
	}{{240, "steered"}, {241, "ttl"}, {0, "steered"}, {255, "ttl"}} {
		far.MinTTL = tt.minTTL
		if got := run(far, newMultihop(farPeer4, farLocal4).hops(240)); got != tt.verdict {
			t.Errorf("TTL 240, floor %d: verdict %q, want %q", tt.minTTL, got, tt.verdict)
		}
	}
	for _, loop := range []bool{true, false} {
		want := map[bool]string{true: "steered", false: "pass_foreign"}[loop]
		near.Loop = loop
		for _, dst := range []*frame{newEcho(peer4, peer4, 0).hops(255), newEcho(peer4, local4, 0).hops(255)} {
			if got := run(near, dst); got != want {
				t.Errorf("Echo to %s, looping %v: verdict %q, want %q", dst.dst, loop, got, want)
			}
		}
	}
	near.MinTTL = 1
	if got := run(near, v4().hops(254)); got != "ttl" {
		t.Errorf("single hop with a floor: verdict %q, want ttl", got)
	}
}

func TestSetPeerRefuses(t *testing.T) {
	testnet.RequireRoot(t)
	tables := newTables(t)
	for _, p := range []Peer{
		{Ifindex: -1, Multihop: true}, {Loop: true, Multihop: true}, {}, {Ifindex: -1},
	} {
		if err := tables.SetPeer(p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if n := entries(t, tables.peers) + entries(t, tables.locals.table); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A full table is an error and changes nothing.
func TestTablesFull(t *testing.T) {
	testnet.RequireRoot(t)
	tables := newTables(t)
	looped := func(ifindex int32) Peer {
		p := hop(ifindex, local4, peer4)
		p.Loop = true
		return p
	}
	for i := range 16 {
		must(t, tables.SetPeer(looped(int32(i+1))))
	}
	more := looped(99)
	if err := tables.SetPeer(more); err == nil {
		t.Error("a 17th session fitted into tables for 16")
	}
	more.Ifindex, more.Local = 1, packet.AddrFrom(foreign4) // its peer is known, its address is not
	if err := tables.SetPeer(more); err == nil {
		t.Error("a 17th address fitted into tables for 16")
	}
	must(t, tables.DelPeer(1, packet.AddrFrom(local4), packet.AddrFrom(peer4)))
	for _, m := range []*ebpf.Map{tables.peers, tables.locals.table, tables.loops.table} {
		if n := entries(t, m); n != 15 {
			t.Errorf("%v: %d entries, want 15", m, n)
		}
	}
	must(t, tables.SetPeer(more))
}

func entries(t testing.TB, m *ebpf.Map) (n int) {
	t.Helper()
	var k, v []byte
	for it := m.Iterate(); it.Next(&k, &v); {
		n++
	}
	return n
}

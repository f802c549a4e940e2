package bpf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

func TestAttach(t *testing.T) {
	for _, mode := range []Mode{ModeNative, ModeGeneric} {
		t.Run(mode.String(), func(t *testing.T) {
			testnet.NoLeaks(t)
			tables := newTables(t)
			a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
			testnet.Veth(t, a, "va", b, "vb")
			must(t, a.Do(func() error {
				p, err := Attach(tables, a.Ifindex(t, "va"), mode, 1)
				if err != nil {
					return err
				}
				want := map[Mode]uint32{ModeNative: 1, ModeGeneric: 2}[mode] // XDP_ATTACHED_DRV, _SKB
				if got := attached(t, "va"); got != want {
					t.Errorf("attach mode %d, want %d", got, want)
				}
				if err := p.Close(); err != nil {
					return err
				}
				if got := attached(t, "va"); got != 0 {
					t.Errorf("attach mode %d after Close", got)
				}
				return nil
			}))
		})
	}
}

// attached returns how a program is attached to an interface, 0 for not at all.
func attached(t testing.TB, ifname string) uint32 {
	t.Helper()
	l, err := netlink.LinkByName(ifname)
	must(t, err)
	if x := l.Attrs().Xdp; x != nil && x.Attached {
		return x.AttachMode
	}
	return 0
}

// A program of someone else's stays, in whichever mode, and is named.
func TestAttachForeign(t *testing.T) {
	testnet.NoLeaks(t)
	tables := newTables(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	for _, theirs := range []link.XDPAttachFlags{link.XDPDriverMode, link.XDPGenericMode} {
		must(t, a.Do(func() error {
			other, err := ebpf.NewProgram(&ebpf.ProgramSpec{
				Name: "somebody", Type: ebpf.XDP, License: "MIT",
				Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()},
			})
			if err != nil {
				return err
			}
			defer other.Close()
			ifindex := a.Ifindex(t, "va")
			l, err := link.AttachXDP(link.XDPOptions{Program: other, Interface: ifindex, Flags: theirs})
			if err != nil {
				return err
			}
			defer l.Close()
			info, err := other.Info()
			if err != nil {
				return err
			}
			id, _ := info.ID()
			for _, mode := range []Mode{ModeNative, ModeGeneric} {
				_, err = Attach(tables, ifindex, mode, 1)
				var busy *BusyError
				if !errors.Is(err, ErrBusy) || !errors.As(err, &busy) {
					return fmt.Errorf("%s attach: error %v, want ErrBusy", mode, err)
				}
				if diff := cmp.Diff(BusyError{ID: uint32(id), Name: "somebody"}, *busy); diff != "" {
					t.Errorf("%s attach (-want +got):\n%s", mode, diff)
				}
			}
			if now, err := netlink.LinkByIndex(ifindex); err != nil || now.Attrs().Xdp.ProgId != uint32(id) {
				t.Errorf("the other program is gone: %+v, %v", now, err)
			}
			return nil
		}))
	}
}

func TestAttachUnfit(t *testing.T) {
	tables := newTables(t)
	ns := testnet.NewNS(t, "a")
	must(t, ns.Do(func() error {
		if _, err := Attach(tables, 12345, ModeNative, 1); err == nil || !strings.Contains(err.Error(), "12345") {
			t.Errorf("no such interface: error %v", err)
		}
		if _, err := Attach(tables, loopback, ModeNative, 1); err == nil || !strings.Contains(err.Error(), "native") {
			t.Errorf("loopback has no native XDP: error %v", err)
		}
		p, err := Attach(tables, loopback, ModeGeneric, 1)
		if err != nil {
			return err
		}
		return p.Close()
	}))
}

func TestVerdictNames(t *testing.T) {
	b := newRig(t, false)
	verdicts, err := b.Verdicts()
	must(t, err)
	if len(verdicts) != int(xbfdVerdictVERDICTS) || b.objs.Verdicts.MaxEntries() != uint32(xbfdVerdictVERDICTS) {
		t.Errorf("%d names, %d counters, %d verdicts", len(verdicts), b.objs.Verdicts.MaxEntries(), xbfdVerdictVERDICTS)
	}
	for v, name := range verdictNames {
		if name == "" || slices.Index(verdictNames[:], name) != v {
			t.Errorf("verdict %d has the name %q", v, name)
		}
	}
}

func TestTables(t *testing.T) {
	testnet.RequireRoot(t)
	tables := newTables(t)
	l4, p4, l6, p6 := packet.AddrFrom(local4), packet.AddrFrom(peer4), packet.AddrFrom(local6), packet.AddrFrom(peer6)
	steps := []struct {
		name                  string
		do                    func() error
		peers, locals, discrs int
	}{
		{"first peer", func() error { return tables.AddPeer(1, l4, p4) }, 1, 1, 0},
		{"again", func() error { return tables.AddPeer(1, l4, p4) }, 1, 1, 0},
		{"second peer of one address", func() error { return tables.AddPeer(1, l4, l6) }, 2, 1, 0},
		{"other interface", func() error { return tables.AddPeer(2, l4, p4) }, 3, 2, 0},
		{"other family", func() error { return tables.AddPeer(1, l6, p6) }, 4, 3, 0},
		{"discriminator", func() error { return tables.AddDiscr(discr) }, 4, 3, 1},
		{"discriminator again", func() error { return tables.AddDiscr(discr) }, 4, 3, 1},
		{"delete unknown peer", func() error { return tables.DelPeer(3, l4, p4) }, 4, 3, 1},
		{"delete first peer", func() error { return tables.DelPeer(1, l4, p4) }, 3, 3, 1},
		{"delete it again", func() error { return tables.DelPeer(1, l4, p4) }, 3, 3, 1},
		{"delete second peer", func() error { return tables.DelPeer(1, l4, l6) }, 2, 2, 1},
		{"delete the rest", func() error {
			return errors.Join(tables.DelPeer(2, l4, p4), tables.DelPeer(1, l6, p6), tables.DelDiscr(discr))
		}, 0, 0, 0},
		{"delete unknown discriminator", func() error { return tables.DelDiscr(discr) }, 0, 0, 0},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		got := [3]int{entries(t, tables.peers), entries(t, tables.locals), entries(t, tables.discrs)}
		if want := [3]int{s.peers, s.locals, s.discrs}; got != want {
			t.Errorf("%s: %v peers, locals, discriminators; want %v", s.name, got, want)
		}
	}
	if err := tables.AddDiscr(0); err == nil {
		t.Error("discriminator 0 was accepted")
	}
}

// A full table is an error and changes nothing.
func TestTablesFull(t *testing.T) {
	testnet.RequireRoot(t)
	tables := newTables(t)
	for i := range 16 {
		must(t, tables.AddPeer(int32(i+1), packet.AddrFrom(local4), packet.AddrFrom(peer4)))
	}
	if err := tables.AddPeer(99, packet.AddrFrom(local4), packet.AddrFrom(peer4)); err == nil {
		t.Error("a 17th session fitted into tables for 16")
	}
	must(t, tables.DelPeer(1, packet.AddrFrom(local4), packet.AddrFrom(peer4)))
	must(t, tables.AddPeer(99, packet.AddrFrom(local4), packet.AddrFrom(peer4)))
}

func entries(t testing.TB, m *ebpf.Map) (n int) {
	t.Helper()
	var k, v []byte
	for it := m.Iterate(); it.Next(&k, &v); {
		n++
	}
	return n
}

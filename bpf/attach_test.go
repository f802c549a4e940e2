package bpf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/internal/testnet"
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
	comm, err := os.ReadFile("/proc/self/comm")
	must(t, err)
	ways := map[link.XDPAttachFlags]string{link.XDPDriverMode: "native", link.XDPGenericMode: "generic"}
	for theirs := range ways {
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
				want := BusyError{
					ID: uint32(id), Mode: ways[theirs], Name: "somebody", Tag: info.Tag,
					By: fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), os.Getpid()),
				}
				if diff := cmp.Diff(want, *busy); diff != "" {
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

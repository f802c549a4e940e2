package bpf

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

func TestBusyErrorText(t *testing.T) {
	for _, tt := range []struct {
		busy         BusyError
		text, remedy string
	}{
		{
			BusyError{ID: 7, Mode: "native", Name: "xdp_filter", Tag: "0123456789abcdef", By: "filterd (pid 42)"},
			`another XDP program is attached: "xdp_filter", id 7, tag 0123456789abcdef, native, held by filterd (pid 42)`,
			"stop filterd (pid 42), or detach it (ip link set eth0 xdp off)",
		},
		{
			BusyError{ID: 7, Mode: "generic"},
			"another XDP program is attached: id 7 (bpftool prog show id 7 tells root its name), generic",
			"stop what has attached it, or detach it (ip link set eth0 xdp off)",
		},
		{
			BusyError{ID: 7, Name: "xdp_dispatcher"},
			`another XDP program is attached: "xdp_dispatcher", id 7, which is libxdp's dispatcher`,
			"unload what it runs (xdp-loader unload eth0 --all)",
		},
	} {
		if got := tt.busy.Error(); got != tt.text {
			t.Errorf("text %q, want %q", got, tt.text)
		}
		if got := tt.busy.Remedy("eth0"); got != tt.remedy {
			t.Errorf("remedy %q, want %q", got, tt.remedy)
		}
	}
}

// While our program is there nobody else's takes its place: the kernel refuses it,
// whichever way it comes.
func TestForeignComesLater(t *testing.T) {
	testnet.NoLeaks(t)
	tables := newTables(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	for _, ours := range []Mode{ModeNative, ModeGeneric} {
		must(t, a.Do(func() error {
			p, err := Attach(tables, a.Ifindex(t, "va"), ours, 1)
			if err != nil {
				return err
			}
			other := noProgram(t)
			l, err := netlink.LinkByName("va")
			must(t, err)
			for how, attach := range map[string]func() error{
				"set natively":    func() error { return netlink.LinkSetXdpFdWithFlags(l, other.FD(), unix.XDP_FLAGS_DRV_MODE) },
				"set generically": func() error { return netlink.LinkSetXdpFdWithFlags(l, other.FD(), unix.XDP_FLAGS_SKB_MODE) },
				"taken off": func() error {
					return netlink.LinkSetXdpFdWithFlags(l, -1, map[Mode]int{ModeNative: unix.XDP_FLAGS_DRV_MODE, ModeGeneric: unix.XDP_FLAGS_SKB_MODE}[ours])
				},
				"linked": func() error {
					taken, err := link.AttachXDP(link.XDPOptions{Program: other, Interface: l.Attrs().Index})
					if err == nil {
						_ = taken.Close()
					}
					return err
				},
			} {
				if err := attach(); !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EEXIST) {
					t.Errorf("%s while ours is %s: error %v, want EBUSY or EEXIST", how, ours, err)
				}
			}
			if there, err := p.Attached(); err != nil || !there {
				t.Errorf("ours is there: %v, %v", there, err)
			}
			return p.Close()
		}))
	}
}

package bpf

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// notes is a journal that looks, each time, whether the kernel has what is noted.
type notes struct {
	t       *testing.T
	bed     *filterBed
	list    []Remains
	refuses error
}

func (n *notes) Note(r Remains) error {
	if n.bed.has(r) {
		n.t.Errorf("%+v was made before it was noted", r)
	}
	if n.refuses != nil {
		return n.refuses
	}
	n.list = append(n.list, r)
	return nil
}

func (n *notes) Strike(r Remains) error {
	if r.Kind == RemainsFilter && n.bed.has(r) {
		n.t.Errorf("%+v was struck out before it was gone", r)
	}
	n.list = slices.DeleteFunc(n.list, func(o Remains) bool { return o == r })
	return nil
}

// filterBed is an interface with one session's lane, and the neighbour that sends
// the frame which is expected.
type filterBed struct {
	*testing.T
	a, b    *testnet.NS
	ifindex int
	tables  *Tables
	lanes   *fastpath.Lanes
	frame   []byte // of the neighbour
	reply   []byte
	fd      int // of the neighbour's packet socket
	notes   notes
}

func newFilterBed(t *testing.T) *filterBed {
	testnet.NoLeaks(t)
	d := &filterBed{T: t, a: testnet.NewNS(t, "a"), b: testnet.NewNS(t, "b"), tables: newTables(t)}
	testnet.Veth(t, d.a, "va", d.b, "vb")
	d.a.AddAddr(t, "va", local4.String()+"/24")
	d.ifindex, d.notes = d.a.Ifindex(t, "va"), notes{t: t, bed: d}
	f := v4().your(discr)
	f.dstMAC, f.srcMAC = packet.MAC(d.a.MAC(t, "va")), packet.MAC(d.b.MAC(t, "vb"))
	f.src = netip.MustParseAddr("192.0.2.2")
	d.frame, d.reply = f.bytes(t), back(f).bytes(t)
	must(t, d.tables.AddDiscr(discr, lane))
	d.lanes = d.tables.Lanes()
	d.lanes.Beat(monotonic(t))
	d.lanes.SetPatience(time.Hour) // however slow the machine is
	if !d.lanes.Expect(lane, d.frame, int32(d.ifindex), 1) || !d.lanes.Insure(lane, 1, 0, d.reply, 0) {
		t.Fatal("the frame is none for a lane")
	}
	d.fd = sender(t, d.b, "vb")
	return d
}

func (d *filterBed) attach() (p *Program) {
	d.Helper()
	must(d.T, d.a.Do(func() (err error) {
		p, err = Attach(d.tables, d.ifindex, ModeNative, 1)
		return err
	}))
	return p
}

func (d *filterBed) insure(p *Program) error {
	return d.a.Do(func() error { return p.InsureByFilter(&d.notes) })
}

// answers sends the frame n times and counts the replies, waiting for each.
func (d *filterBed) answers(n int, patience time.Duration) (count int) {
	d.Helper()
	tv := unix.NsecToTimeval(int64(patience))
	must(d.T, unix.SetsockoptTimeval(d.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	buf := make([]byte, 2048)
	for range n {
		_, err := unix.Write(d.fd, d.frame)
		must(d.T, err)
		for {
			k, err := unix.Read(d.fd, buf)
			if err != nil {
				break
			}
			if cmp.Equal(buf[:k], d.reply) {
				count++
				break
			}
		}
	}
	return count
}

// has reports whether the kernel has something.
func (d *filterBed) has(r Remains) bool {
	for _, o := range d.there() {
		if o.Kind == r.Kind && (r.Kind == RemainsClsact || o.Program == r.Program) {
			return true
		}
	}
	return false
}

// there lists the clsact and the filters of the interface, by their own account.
func (d *filterBed) there() (list []Remains) {
	d.Helper()
	must(d.T, d.a.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		kind, err := ingress(h, d.ifindex)
		if err != nil || kind == "" {
			return err
		}
		list = append(list, Remains{Kind: RemainsKind(kind), Ifindex: d.ifindex})
		all, err := filters(h, d.ifindex, netlink.HANDLE_MIN_INGRESS)
		for _, f := range all {
			r := Remains{Kind: RemainsKind(f.Type()), Ifindex: d.ifindex, Priority: f.Attrs().Priority, Handle: f.Attrs().Handle}
			if b, ok := f.(*netlink.BpfFilter); ok {
				r.Kind, r.Program = RemainsFilter, uint32(b.Id)
			}
			list = append(list, r)
		}
		return err
	}))
	return list
}

// tc adds a clsact or a filter as another program would.
func (d *filterBed) tc(add func() error) {
	d.Helper()
	must(d.T, d.a.Do(add))
}

// other is another's filter, which does nothing.
func (d *filterBed) other(priority uint16, parent uint32) func() error {
	return func() error {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, -1), // TC_ACT_UNSPEC
			asm.Return(),
		}})
		if err != nil {
			return err
		}
		defer p.Close()
		return netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: d.ifindex, Parent: parent, Priority: priority, Handle: 1, Protocol: unix.ETH_P_ALL,
			},
			Fd: p.FD(), Name: "other", DirectAction: true,
		})
	}
}

// marks attaches a program that marks every frame for the lane.
func (d *filterBed) marks() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R2, -12),
		asm.FnXdpAdjustMeta.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R2, asm.R6, 8, asm.Word), // data_meta
		asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), // data
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 12),
		asm.JGT.Reg(asm.R4, asm.R3, "pass"),
		asm.StoreImm(asm.R2, 0, filterHandle, asm.Word), // the mark's number is the same word
		asm.StoreImm(asm.R2, 4, lane, asm.Word),
		asm.StoreImm(asm.R2, 8, int64(d.ifindex), asm.Word),
		asm.Mov.Imm(asm.R0, 2).WithSymbol("pass"), // XDP_PASS
		asm.Return(),
	}})
	if err != nil {
		return err
	}
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: d.ifindex, Flags: link.XDPDriverMode})
	d.Cleanup(func() { must(d.T, errors.Join(l.Close(), p.Close())) })
	return err
}

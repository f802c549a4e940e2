package bpf

import (
	"encoding/binary"
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
	if !d.lanes.Expect(lane, d.frame, int32(d.ifindex), 1) || !d.lanes.Insure(lane, 1, 0, d.reply) {
		t.Fatal("the frame is none for a lane")
	}
	d.fd = sender(t, d.b, "vb")
	all := unix.SockaddrLinklayer{Ifindex: d.b.Ifindex(t, "vb"), Protocol: binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})}
	must(t, unix.Bind(d.fd, &all))
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

// Without tc links a filter answers. It is noted before it is made and gone, with
// the clsact, when it is no longer needed: by another choice, and by Close.
func TestFilter(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	if d.there() != nil {
		t.Fatalf("there is %+v", d.there())
	}
	for _, end := range []func() error{
		func() error { return p.Insure(InsureTX) },
		p.Close,
	} {
		must(t, d.insure(p))
		must(t, d.insure(p)) // changes nothing
		if n := d.answers(50, 200*time.Millisecond); n != 50 {
			t.Errorf("%d of 50 replies", n)
		}
		there := d.there()
		if len(there) != 2 || there[1].Priority != 1 || there[1].Handle != filterHandle || len(d.notes.list) != 2 {
			t.Errorf("there is %+v, noted %+v", there, d.notes.list)
		}
		if v, err := p.Verdicts(); err != nil || v["insured"] != v["pass_to_tc"] || v["insured"] == 0 {
			t.Errorf("verdicts %v, %v", v, err)
		}
		must(t, end())
		if d.there() != nil || len(d.notes.list) != 0 {
			t.Errorf("left: %+v, noted %+v", d.there(), d.notes.list)
		}
	}
}

// What is another's stays as it is: a clsact that was there, a filter at the
// priority that would be ours, and a clsact that somebody has come to use.
func TestFilterLeavesOthers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(d *filterBed) []func() error
		after  func(d *filterBed) func() error
		prio   uint16
		left   []RemainsKind
	}{
		{
			name: "clsact",
			before: func(d *filterBed) []func() error {
				return []func() error{func() error { return netlink.QdiscAdd(clsact(d.ifindex)) }}
			},
			prio: 1, left: []RemainsKind{RemainsClsact},
		},
		{
			name: "filters before",
			before: func(d *filterBed) []func() error {
				return []func() error{
					func() error { return netlink.QdiscAdd(clsact(d.ifindex)) },
					d.other(1, netlink.HANDLE_MIN_INGRESS),
					d.other(3, netlink.HANDLE_MIN_INGRESS),
				}
			},
			prio: 2, left: []RemainsKind{RemainsClsact, RemainsFilter, RemainsFilter},
		},
		{
			name:  "a filter meanwhile",
			after: func(d *filterBed) func() error { return d.other(7, netlink.HANDLE_MIN_INGRESS) },
			prio:  1, left: []RemainsKind{RemainsClsact, RemainsFilter},
		},
		{
			name:  "a filter at egress meanwhile",
			after: func(d *filterBed) func() error { return d.other(7, netlink.HANDLE_MIN_EGRESS) },
			prio:  1, left: []RemainsKind{RemainsClsact},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newFilterBed(t)
			if tt.before != nil {
				for _, do := range tt.before(d) {
					d.tc(do)
				}
			}
			p := d.attach()
			must(t, d.insure(p))
			if tt.after != nil {
				d.tc(tt.after(d))
			}
			i := slices.IndexFunc(d.there(), func(r Remains) bool { return r.Handle == filterHandle })
			if i < 0 || d.there()[i].Priority != tt.prio {
				t.Errorf("priority is not %d: %+v", tt.prio, d.there())
			}
			if n := d.answers(10, 200*time.Millisecond); n != 10 {
				t.Errorf("%d of 10 replies", n)
			}
			must(t, p.Close())
			var left []RemainsKind
			for _, r := range d.there() {
				left = append(left, r.Kind)
			}
			if diff := cmp.Diff(tt.left, left); diff != "" || len(d.notes.list) != 0 {
				t.Errorf("noted %+v; left (-want +got):\n%s", d.notes.list, diff)
			}
		})
	}
}

// Nothing that outlives the process is made without a journal.
func TestFilterWithoutJournal(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	defer func() { must(t, p.Close()) }()
	if err := p.InsureByFilter(nil); !errors.Is(err, ErrNoInsurance) {
		t.Errorf("without a journal: %v", err)
	}
	d.notes.refuses = errors.New("disk is full")
	if err := d.insure(p); !errors.Is(err, ErrNoInsurance) || !errors.Is(err, d.notes.refuses) {
		t.Errorf("with one that cannot be written: %v", err)
	}
	if d.there() != nil || d.answers(3, 5*time.Millisecond) != 0 {
		t.Errorf("there is %+v", d.there())
	}
}

// Only what was noted is removed: not a filter of the same handle that runs
// another program, and nothing of an interface that has gone.
func TestRemainsRemove(t *testing.T) {
	d := newFilterBed(t)
	p := d.attach()
	must(t, d.insure(p))
	noted := slices.Clone(d.notes.list)
	other := noted[1]
	other.Program++
	check := func(what string, r Remains, want Removal) {
		t.Helper()
		must(t, d.a.Do(func() error {
			got, err := r.Remove()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
			return err
		}))
	}
	check("another program's filter", other, Absent)
	check("a clsact in use", noted[0], InUse)
	check("the filter", noted[1], Removed)
	check("once more", noted[1], Absent)
	check("the clsact", noted[0], Removed)
	check("once more", noted[0], Absent)
	must(t, p.Close())
	d.a.DelLink(t, "va")
	check("a clsact of no interface", noted[0], Absent)
	check("a filter of no interface", noted[1], Absent)
	if _, err := (Remains{Kind: "bpffs"}).Remove(); err == nil {
		t.Error("something unknown was removed")
	}
}

// A filter whose engine is dead answers for the dead-man's time and no longer,
// even when something marks frames for it as the XDP program did.
func TestFilterOfDead(t *testing.T) {
	d := newFilterBed(t)
	const patience = 400 * time.Millisecond
	p := d.attach()
	must(t, d.insure(p))
	noted := slices.Clone(d.notes.list)
	d.lanes.SetPatience(patience)
	p.tc.hook.(*hook).made = nil // as if it had not come to it
	began := time.Now()
	d.lanes.Beat(monotonic(t))
	must(t, p.Close())
	d.tc(func() error { return d.marks() })
	if n := d.answers(5, 50*time.Millisecond); n == 0 && time.Since(began) < patience {
		t.Error("does not answer: this test proves nothing")
	}
	time.Sleep(time.Until(began.Add(patience)))
	if n := d.answers(20, 2*time.Millisecond); n != 0 {
		t.Errorf("%d replies after the dead-man's time", n)
	}
	for _, r := range slices.Backward(noted) {
		must(t, d.a.Do(func() error { _, err := r.Remove(); return err }))
	}
	if d.there() != nil {
		t.Errorf("left: %+v", d.there())
	}
}

// marks attaches a program that marks every frame for the lane.
func (d *filterBed) marks() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R2, -8),
		asm.FnXdpAdjustMeta.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R2, asm.R6, 8, asm.Word), // data_meta
		asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), // data
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 8),
		asm.JGT.Reg(asm.R4, asm.R3, "pass"),
		asm.StoreImm(asm.R2, 0, filterHandle, asm.Word), // the mark's number is the same word
		asm.StoreImm(asm.R2, 4, lane, asm.Word),
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

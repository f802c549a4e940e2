package leftovers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
)

// childVar names, in the environment of a process that is no test, the directory
// of its journal.
const childVar = "XBFD_LEFTOVERS_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child makes all that can be left, says so, and waits for its end.
func child(dir string) error {
	j, err := New(dir)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName("va")
	if err != nil {
		return err
	}
	tables, err := bpf.NewTables(4, 4)
	if err != nil {
		return err
	}
	if err := j.Note(bpf.Remains{Kind: Neighbours}); err != nil {
		return err
	}
	m, err := netlinkmon.New(netlinkmon.Options{})
	if err != nil {
		return err
	}
	m.Watch(1, netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.2"), Local: netip.MustParseAddr("192.0.2.1"), Interface: "va"})
	for u := range m.Updates() {
		if u.Path.PeerMAC != [6]byte{} {
			break
		}
	}
	i, err := wire.Open(link.Attrs().Index, "va", wire.Options{Tables: tables, Insurance: wire.InsuranceClsact, Journal: j})
	if err != nil {
		return err
	}
	how, reason := i.Insurance()
	fmt.Println(how, reason)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return errors.Join(i.Close(), m.Close(), j.Strike(bpf.Remains{Kind: Neighbours}), j.Close())
}

// bed is a link of two namespaces; the child lives in a.
type bed struct {
	*testing.T
	a, b *testnet.NS
	dir  string
}

func newBed(t *testing.T) *bed {
	testnet.NoLeaks(t)
	d := &bed{T: t, a: testnet.NewNS(t, "a"), b: testnet.NewNS(t, "b"), dir: filepath.Join(t.TempDir(), "xbfd")}
	testnet.Veth(t, d.a, "va", d.b, "vb")
	d.a.AddAddr(t, "va", "192.0.2.1/24")
	d.b.AddAddr(t, "vb", "192.0.2.2/24")
	return d
}

// start returns a child that has made everything, and how to end it.
func (d *bed) start() (pid int, end func(kill bool)) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	cmd := d.a.Command(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), childVar+"="+d.dir)
	in, err := cmd.StdinPipe()
	must(d.T, err)
	out, err := cmd.StdoutPipe()
	must(d.T, err)
	must(d.T, cmd.Start())
	end = func(kill bool) {
		if kill {
			_ = cmd.Process.Signal(syscall.SIGKILL)
		}
		_ = in.Close()
		if err := cmd.Wait(); !kill {
			must(d.T, err)
		}
		cancel()
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "clsact" {
		end(true)
		d.Fatalf("the child says %q, %v", line, err)
	}
	return cmd.Process.Pid, end
}

// there tells what of it the kernel has.
func (d *bed) there() (kinds []bpf.RemainsKind) {
	d.Helper()
	index := d.a.Ifindex(d.T, "va")
	must(d.T, d.a.Do(func() error {
		link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
		qdiscs, err := netlink.QdiscList(link)
		must(d.T, err)
		if slices.ContainsFunc(qdiscs, func(q netlink.Qdisc) bool { return q.Type() == "clsact" }) {
			kinds = append(kinds, bpf.RemainsClsact)
		}
		list, err := netlink.FilterList(link, netlink.HANDLE_MIN_INGRESS)
		for range list {
			kinds = append(kinds, bpf.RemainsFilter)
		}
		return err
	}))
	if slices.ContainsFunc(d.a.Neighs(d.T, "va"), func(n netlink.Neigh) bool { return n.FlagsExt&netlink.NTF_EXT_MANAGED != 0 }) {
		kinds = append(kinds, Neighbours)
	}
	return kinds
}

func (d *bed) want(what string, want ...bpf.RemainsKind) {
	d.Helper()
	if diff := cmp.Diff(want, d.there()); diff != "" {
		d.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// stealsNothing sends a packet to BFD's port, which must reach whoever has that now
// and draw no answer.
func (d *bed) stealsNothing() {
	d.Helper()
	var here, there net.PacketConn
	listen := func(ns *testnet.NS, conn *net.PacketConn) {
		must(d.T, ns.Do(func() (err error) {
			*conn, err = net.ListenPacket("udp4", ":3784")
			return err
		}))
		must(d.T, (*conn).SetReadDeadline(time.Now().Add(10*time.Second)))
	}
	listen(d.a, &here)
	defer here.Close()
	listen(d.b, &there)
	defer there.Close()
	_, err := there.WriteTo([]byte("who is there?"), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3784})
	must(d.T, err)
	if n, _, err := here.ReadFrom(make([]byte, 64)); n != 13 || err != nil {
		d.Errorf("after a kill a packet of %d bytes arrives, %v", n, err)
	}
	must(d.T, there.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, from, err := there.ReadFrom(make([]byte, 64)); err == nil {
		d.Errorf("%d bytes answer from %v", n, from)
	}
}

func (d *bed) sweep() (list []Outcome) {
	d.Helper()
	must(d.T, d.a.Do(func() (err error) {
		list, err = Sweep(d.dir)
		return err
	}))
	return list
}

// kindsOf returns what the outcomes with a state are about.
func kindsOf(list []Outcome, s State) (kinds []bpf.RemainsKind) {
	for _, o := range list {
		if o.State == s {
			kinds = append(kinds, o.Kind)
		}
	}
	return kinds
}

// A process that ends removes what it made; one that is killed leaves it, written
// down, and it goes by the next sweep and not before.
func TestKilled(t *testing.T) {
	d := newBed(t)
	_, end := d.start()
	d.want("while it lives", bpf.RemainsClsact, bpf.RemainsFilter, Neighbours)
	end(false)
	d.want("after its end")
	if left := files(t, d.dir); left != nil {
		t.Errorf("journals %v", left)
	}

	pid, end := d.start()
	list := d.sweep()
	if diff := cmp.Diff([]bpf.RemainsKind{Neighbours, bpf.RemainsClsact, bpf.RemainsFilter}, kindsOf(list, Owned)); diff != "" || len(list) != 3 || list[0].Process != pid {
		t.Errorf("while it lives: %+v", list)
	}
	d.want("a sweep while it lives", bpf.RemainsClsact, bpf.RemainsFilter, Neighbours)
	end(true)
	d.want("after a kill", bpf.RemainsClsact, bpf.RemainsFilter, Neighbours)
	d.stealsNothing()
	list = d.sweep()
	if diff := cmp.Diff([]bpf.RemainsKind{bpf.RemainsFilter, bpf.RemainsClsact, Neighbours}, kindsOf(list, Gone)); diff != "" || len(list) != 3 {
		t.Errorf("after a kill: %+v", list)
	}
	for i, text := range []string{"removed", "removed", "released: 1"} {
		if len(list) == 3 && list[i].Text != text {
			t.Errorf("%s: %q, want %q", list[i].Kind, list[i].Text, text)
		}
	}
	d.want("after the sweep")
	if list := d.sweep(); list != nil {
		t.Errorf("once more: %+v", list)
	}
	if left := files(t, d.dir); left != nil {
		t.Errorf("journals %v", left)
	}
}

// A filter that somebody else has added meanwhile stays, and the clsact with it.
func TestKilledBesideOthers(t *testing.T) {
	d := newBed(t)
	_, end := d.start()
	index := d.a.Ifindex(t, "va")
	must(t, d.a.Do(func() error {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()},
		})
		must(t, err)
		defer p.Close()
		return netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 9, Handle: 1, Protocol: unix.ETH_P_ALL},
			Fd:          p.FD(), Name: "other", DirectAction: true,
		})
	}))
	end(true)
	list := d.sweep()
	if !cmp.Equal(kindsOf(list, Kept), []bpf.RemainsKind{bpf.RemainsClsact}) || len(kindsOf(list, Gone)) != 2 {
		t.Errorf("%+v", list)
	}
	d.want("after the sweep", bpf.RemainsClsact, bpf.RemainsFilter)
	if left := files(t, d.dir); left != nil {
		t.Errorf("journals %v", left)
	}
}

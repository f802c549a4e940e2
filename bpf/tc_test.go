package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A frame that was marked goes no further than the tc program, also when the
// engine expects another by then; without the tc program it would.
func TestTCKeepsMarked(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	a.AddAddr(t, "va", local4.String()+"/24")
	tables, others := newTables(t), newTables(t)
	ifindex := a.Ifindex(t, "va")
	f := v4().your(discr)
	f.dstMAC, f.srcMAC = packet.MAC(a.MAC(t, "va")), packet.MAC(b.MAC(t, "vb"))
	f.src = netip.MustParseAddr("192.0.2.2")
	frame := f.bytes(t)
	must(t, tables.AddDiscr(discr, lane))
	l := tables.Lanes()
	l.Beat(monotonic(t))
	if !l.Expect(lane, frame, int32(ifindex), 1) || !l.Insure(lane, 1, 0, back(f).bytes(t), 0) {
		t.Fatal("the frame is none for a lane")
	}
	var p *Program
	var stack *net.UDPConn
	must(t, a.Do(func() (err error) {
		if stack, err = net.ListenUDP("udp4", &net.UDPAddr{Port: packet.PortControl}); err != nil {
			return err
		}
		p, err = Attach(tables, ifindex, ModeNative, 1)
		return err
	}))
	t.Cleanup(func() {
		must(t, p.Close())
		must(t, stack.Close())
	})
	fd := sender(t, b, "vb")
	reach := func(wait time.Duration) bool {
		_, err := unix.Write(fd, frame)
		must(t, err)
		must(t, stack.SetReadDeadline(time.Now().Add(wait)))
		_, err = stack.Read(make([]byte, 100))
		return err == nil
	}
	must(t, p.objs.Insurance.Set(uint8(InsureTC)))
	if !reach(2 * time.Second) {
		t.Error("without the tc program the frame did not reach the stack: this test proves nothing")
	}
	p.tables = others // where the lane expects nothing
	must(t, a.Do(func() error { return insureTC(p) }))
	for range 20 {
		if reach(2 * time.Millisecond) {
			t.Fatal("a frame that was marked reached the stack")
		}
	}
	if v, err := p.Verdicts(); err != nil || v["pass_to_tc"] != 21 || v["insured"] != 0 {
		t.Errorf("verdicts %v, %v", v, err)
	}
	must(t, p.Insure(InsureOff))
	must(t, a.Do(func() error {
		programs, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: ebpf.AttachTCXIngress})
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EINVAL) { // before Linux 6.6
			return nil
		}
		if err == nil && len(programs.Programs) != 0 {
			t.Errorf("%d programs at tc ingress after insurance was switched off", len(programs.Programs))
		}
		return err
	}))
	if reach(2 * time.Millisecond) {
		t.Error("what was heard reached the stack")
	}
}

// A reply that leads by another interface leaves there, with that one's tag, whatever
// tag what it answers had; the peer's own link sees none of it.
func TestTCAnswersElsewhere(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "in", b, "vb")
	testnet.Veth(t, a, "out", b, "wb")
	tables := newTables(t)
	ifindex := a.Ifindex(t, "in")
	f := newMultihop(farPeer4, farLocal4).your(discr)
	f.dstMAC, f.srcMAC = packet.MAC(a.MAC(t, "in")), packet.MAC(b.MAC(t, "vb"))
	answer := back(f)
	answer.dstMAC, answer.srcMAC = packet.MAC(b.MAC(t, "wb")), packet.MAC(a.MAC(t, "out"))
	must(t, tables.AddDiscr(discr, lane))
	l := tables.Lanes()
	var p *Program
	must(t, a.Do(func() (err error) {
		p, err = Attach(tables, ifindex, ModeNative, 1)
		if err != nil {
			return err
		}
		return insureTC(p)
	}))
	t.Cleanup(func() { must(t, p.Close()) })
	from, elsewhere := sender(t, b, "vb"), sender(t, b, "wb")
	for _, tags := range [][2][]uint16{{}, {nil, {6<<13 | 7}}, {{3<<13 | 9}, {6<<13 | 7}}, {{9}, nil}} {
		f.tags, answer.tags = tags[0], tags[1]
		must(t, tables.setUpper(int32(ifindex), 9, owner{ifindex: uint32(ifindex), mac: f.dstMAC}))
		l.Beat(monotonic(t))
		l.SetPatience(time.Hour)
		if !l.Expect(lane, f.bytes(t), int32(ifindex), 1) ||
			!l.Insure(lane, 1, 0, answer.bytes(t), int32(a.Ifindex(t, "out"))) {
			t.Fatal("the frame is none for a lane")
		}
		_, err := unix.Write(from, f.bytes(t))
		must(t, err)
		if got, want := hears(t, elsewhere, 2*time.Second), answer.bytes(t); !bytes.Equal(got, want) {
			t.Errorf("%v to %v: elsewhere %x, want %x", answer.tags, f.tags, got, want)
		}
		if got := hears(t, from, 5*time.Millisecond); got != nil {
			t.Errorf("%v to %v: on its own link %x", answer.tags, f.tags, got)
		}
	}
	if n := l.Insured(lane); n != 4 {
		t.Errorf("%d replies counted", n)
	}
	// XDP_TX leads nowhere but back.
	must(t, p.Insure(InsureTX))
	_, err := unix.Write(from, f.bytes(t))
	must(t, err)
	if got := hears(t, from, 50*time.Millisecond); got != nil || l.Insured(lane) != 4 {
		t.Errorf("by XDP_TX %x, %d replies counted", got, l.Insured(lane))
	}
}

// hears waits for the next Control packet on a packet socket and returns its frame, with
// the tag that the kernel tells of beside it; nil if none comes.
func hears(t *testing.T, fd int, within time.Duration) []byte {
	t.Helper()
	tv := unix.NsecToTimeval(int64(within))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	must(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	buf, control := make([]byte, 2048), make([]byte, 256)
	for {
		n, nc, _, from, err := unix.Recvmsg(fd, buf, control, 0)
		if err != nil {
			return nil
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); !ok || ll.Pkttype != unix.PACKET_HOST || n < 60 { // or the kernel's own talk
			continue
		}
		frame := append([]byte(nil), buf[:n]...)
		messages, err := unix.ParseSocketControlMessage(control[:nc])
		must(t, err)
		for _, m := range messages {
			if m.Header.Type == unix.PACKET_AUXDATA && binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_VLAN_VALID != 0 {
				tag := binary.BigEndian.AppendUint16([]byte{0x81, 0}, binary.NativeEndian.Uint16(m.Data[16:]))
				frame = slices.Insert(frame, 12, tag...)
			}
		}
		return frame
	}
}

// unwritten is a journal for namespaces that go with the test.
type unwritten struct{}

func (unwritten) Note(Remains) error   { return nil }
func (unwritten) Strike(Remains) error { return nil }

// insureTC insures by a link or, before Linux 6.6, by a filter.
func insureTC(p *Program) error {
	err := p.Insure(InsureTC)
	if errors.Is(err, ErrNoInsurance) {
		return p.InsureByFilter(unwritten{})
	}
	return err
}

// sender is a packet socket that sends from an interface, and sees what arrives there.
func sender(t *testing.T, ns *testnet.NS, ifname string) (fd int) {
	t.Helper()
	ifindex := ns.Ifindex(t, ifname)
	must(t, ns.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifindex, Protocol: all})
	}))
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

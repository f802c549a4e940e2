package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// liveRig is a program that can send, on one end of a veth pair whose other end
// passes everything from native XDP to a packet socket.
type liveRig struct {
	*Program
	a, b *testnet.NS
	tap  int // in b
}

func newLiveRig(t testing.TB, workers, frames int) liveRig {
	t.Helper()
	tables := newTables(t)
	r := liveRig{a: testnet.NewNS(t, "a"), b: testnet.NewNS(t, "b")}
	testnet.Veth(t, r.a, "va", r.b, "vb")
	must(t, r.b.Do(func() (err error) {
		r.tap = tap(t, r.b.Ifindex(t, "vb"))
		l, err := link.AttachXDP(link.XDPOptions{
			Program: passAll(t), Interface: r.b.Ifindex(t, "vb"), Flags: link.XDPDriverMode,
		})
		t.Cleanup(func() { must(t, l.Close()) })
		return err
	}))
	must(t, r.a.Do(func() (err error) {
		if r.Program, err = LoadLive(tables, r.a.Ifindex(t, "va"), 1, workers, frames); err != nil {
			return err
		}
		return r.Enter(ModeNative, nil)
	}))
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// tap opens a packet socket on an interface.
func tap(t testing.TB, ifindex int) int {
	t.Helper()
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<22))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 60_000}))
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}))
	return fd
}

func passAll(t testing.TB) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()},
	})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}

// etherType of the test's frames, one for experiments (IEEE 802).
const etherType = 0x88b5

// liveFrame is a frame of n bytes that no other is like.
func liveFrame(worker, number, n int) []byte {
	f := make([]byte, 14, n)
	copy(f, stationMAC[:])
	copy(f[6:], neighborMAC[:])
	binary.BigEndian.PutUint16(f[12:], etherType)
	for i := 14; i < n; i++ {
		f = append(f, byte(i*7+number*31+number>>8+worker*131))
	}
	return f
}

// next reads the test's frames from the tap until none come.
func (r liveRig) received(t testing.TB) (list [][]byte) {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		n, err := unix.Read(r.tap, buf)
		if err != nil {
			return list
		}
		if binary.BigEndian.Uint16(buf[12:]) == etherType {
			list = append(list, slices.Clone(buf[:n]))
		}
	}
}

// Frames of all lengths arrive complete, unchanged and in order, in whichever
// network namespace the caller is: that of the test is not the interface's.
func TestLive(t *testing.T) {
	const workers, frames = 3, 400
	r := newLiveRig(t, workers, frames)
	for worker := range workers {
		l, err := r.Live(worker)
		must(t, err)
		var want [][]byte
		for i := range frames {
			n := 14 + (i*37+worker)%(packet.MaxFrame-13)
			want = append(want, liveFrame(worker, i, n))
			l.Frames[i].Len = uint64(copy(l.Frames[i].Data[:], want[i]))
		}
		for at, n := range []int{1, 63, 64, 65, 207} { // of a veth's 256 slots
			taken, lost, errno := l.Send(n)
			if taken != n || lost != 0 || errno != 0 {
				t.Fatalf("worker %d, sending %d: taken %d, lost %d, %v", worker, n, taken, lost, errno)
			}
			if diff := cmp.Diff(want[:n], r.received(t)); diff != "" {
				t.Fatalf("worker %d, call %d (-sent +received):\n%s", worker, at, diff)
			}
		}
	}
}

// A frame that cannot be one is lost and counted; those around it arrive.
func TestLiveBadLength(t *testing.T) {
	r := newLiveRig(t, 1, 8)
	l, err := r.Live(0)
	must(t, err)
	var want [][]byte
	for i, n := range []uint64{66, 13, 0, packet.MaxFrame, 1 << 20, 1 << 63, 86} {
		f := liveFrame(0, i, packet.MaxFrame)
		copy(l.Frames[i].Data[:], f)
		if l.Frames[i].Len = n; n >= 14 && n <= packet.MaxFrame {
			want = append(want, f[:n])
		}
	}
	if taken, lost, errno := l.Send(7); taken != 7 || lost != 4 || errno != 0 {
		t.Errorf("taken %d, lost %d, %v", taken, lost, errno)
	}
	if diff := cmp.Diff(want, r.received(t)); diff != "" {
		t.Errorf("(-sent +received):\n%s", diff)
	}
}

// Runs that nothing was ordered by send nothing.
func TestLiveNothing(t *testing.T) {
	r := newLiveRig(t, 1, 8)
	l, err := r.Live(0)
	must(t, err)
	l.Frames[0].Len = uint64(copy(l.Frames[0].Data[:], liveFrame(0, 0, 66)))
	if errno := l.run(50); errno != 0 {
		t.Fatal(errno)
	}
	if list := r.received(t); len(list) != 0 {
		t.Errorf("received %x", list)
	}
}

// Signals end the kernel's call; what is left goes with the next.
func TestLiveSignals(t *testing.T) {
	r := newLiveRig(t, 1, 250)
	l, err := r.Live(0)
	must(t, err)
	for i := range l.Frames {
		l.Frames[i].Len = uint64(copy(l.Frames[i].Data[:], liveFrame(0, i, 66)))
	}
	done := make(chan struct{})
	tid := make(chan int)
	go func() {
		defer close(done)
		must(t, r.a.Do(func() error {
			tid <- unix.Gettid()
			for range 40 {
				if taken, lost, errno := l.Send(250); taken != 250 || lost != 0 || errno != 0 {
					t.Errorf("taken %d, lost %d, %v", taken, lost, errno)
				}
			}
			return nil
		}))
	}()
	for id := <-tid; ; {
		select {
		case <-done:
			if n := len(r.received(t)); n == 0 {
				t.Error("nothing arrived")
			}
			return
		default:
			_ = unix.Tgkill(unix.Getpid(), id, unix.SIGURG)
		}
	}
}

// An interface that is gone loses all, and says so.
func TestLiveInterfaceGone(t *testing.T) {
	r := newLiveRig(t, 1, 8)
	l, err := r.Live(0)
	must(t, err)
	l.Frames[0].Len = uint64(copy(l.Frames[0].Data[:], liveFrame(0, 0, 66)))
	r.a.DelLink(t, "va")
	if taken, lost, errno := l.Send(1); taken != 1 || lost != 1 || errno != 0 {
		t.Errorf("taken %d, lost %d, %v", taken, lost, errno)
	}
}

// Where a program cannot send, it says so and does all else.
func TestLiveNot(t *testing.T) {
	b := newLaneRig(t)
	if _, err := b.Live(0); !errors.Is(err, ErrNoLive) || !errors.Is(err, errNotAsked) {
		t.Errorf("not asked for: %v", err)
	}
	p := &Program{live: liveOut{room: room{1, 8}}}
	must(t, p.load(b.tables, 1, strictAlignment))
	t.Cleanup(func() { must(t, p.Close()) })
	if _, err := p.Live(0); !errors.Is(err, ErrNoLive) || !refused(err) {
		t.Errorf("refused by the kernel: %v", err)
	}
	if _, err := LoadLive(b.tables, loopback, 1, 1, 8); !errors.Is(err, ErrNoLive) {
		t.Errorf("on loopback: %v", err)
	}
}

// Loaded for live frames, the program judges what arrives as it does without;
// only what the loopback of a namespace seems to bring is for sending.
func TestLiveReceives(t *testing.T) {
	b := newLaneRig(t)
	p := &Program{ifindex: loopback, live: liveOut{room: room{1, 8}}}
	must(t, p.load(b.tables, 1, 0))
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, errors.Join(p.Heard(), p.SetMAC(stationMAC)))
	ns := testnet.NewNS(t, "a")
	testnet.Veth(t, ns, "va", ns, "vb")
	must(t, ns.Do(func() error {
		ifindex := ns.Ifindex(t, "va")
		must(t, b.tables.SetPeer(hop(int32(ifindex), local4, peer4)))
		frame := v4().bytes(t)
		action, err := p.objs.Xbfd.Run(&ebpf.RunOptions{
			Data: frame, Context: xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: uint32(ifindex)},
		})
		if err != nil {
			return err
		}
		v, err := p.Verdicts()
		if action != pass || v["pass_no_socket"] != 1 {
			return fmt.Errorf("action %d, verdicts %v", action, v)
		}
		return err
	}))
}

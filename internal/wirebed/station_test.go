package wirebed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// station is T's end of a link: one packet socket that sends, one that sees all
// frames of both directions with the kernel's time stamps, and the testers that
// share them.
type station struct {
	*testnet.NS
	ifname  string
	ifindex int
	mac     packet.MAC
	fd      int
	file    *os.File
	done    chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	unseen  []outgoing // sent, and not yet seen by the other socket
	testers []*tester
	kernel  [][]byte // frames that T's kernel sent by itself
}

// outgoing is a frame that was sent. seen is called with mu held and the time
// stamp.
type outgoing struct {
	frame []byte
	seen  func(at time.Duration)
}

// etherMark is an EtherType for local experiments (IEEE 802).
const etherMark = 0x88b5

func newStation(t testing.TB, ns *testnet.NS, ifname string) *station {
	t.Helper()
	link := ns.Link(t, ifname)
	s := &station{NS: ns, ifname: ifname, ifindex: link.Index, mac: packet.MAC(link.MAC), fd: -1, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	if err := ns.Do(s.open); err != nil {
		t.Fatal(err)
	}
	raw, err := s.file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		_ = raw.Read(s.read) // ends when the file is closed
	}()
	return s
}

func (s *station) open() (err error) {
	if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.file = os.NewFile(uintptr(fd), "station")
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: s.ifindex}),
	)
}

func (s *station) close() error {
	err := s.file.Close()
	<-s.done
	return errors.Join(err, unix.Close(s.fd))
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// send sends a frame; the caller holds mu. A full queue is the only reason to
// fail, and then the packet is lost as on any link.
func (s *station) send(frame []byte, seen func(at time.Duration)) {
	s.unseen = append(s.unseen, outgoing{frame, seen})
	if unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.ifindex}) != nil {
		s.unseen = s.unseen[:len(s.unseen)-1]
	}
}

// settle waits until everything that was sent or has arrived before has been
// read.
func (s *station) settle() {
	time.Sleep(3 * time.Millisecond) // what is on its way through the kernel
	s.mu.Lock()
	defer s.mu.Unlock()
	through := false
	mark := append(append([]byte{}, s.mac[:]...), s.mac[:]...)
	mark = append(binary.BigEndian.AppendUint16(mark, etherMark), make([]byte, 46)...)
	s.send(mark, func(time.Duration) { through = true })
	s.wait(time.Second, func() bool { return through })
}

// wait waits for something that readings of frames make true; the caller holds
// mu.
func (s *station) wait(within time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(within)
	defer time.AfterFunc(within, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	}).Stop()
	for !ok() {
		if !time.Now().Before(deadline) {
			return false
		}
		s.changed.Wait()
	}
	return true
}

// read takes what waits in the socket and asks to be called again for more.
func (s *station) read(fd uintptr) bool {
	frame, control := make([]byte, 4096), make([]byte, 256)
	for {
		n, cn, _, from, err := unix.Recvmsg(int(fd), frame, control, 0)
		if err == unix.EAGAIN {
			return false
		}
		if err != nil {
			return true
		}
		at := stamp(control[:cn])
		s.mu.Lock()
		if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
			s.left(frame[:n], at)
		} else {
			s.arrived(bytes.Clone(frame[:n]), at)
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

// left takes note of a frame of ours; the kernel sends some of its own.
func (s *station) left(frame []byte, at time.Duration) {
	if len(s.unseen) == 0 || !bytes.Equal(s.unseen[0].frame, frame) {
		s.kernel = append(s.kernel, bytes.Clone(frame))
		return
	}
	o := s.unseen[0]
	s.unseen = s.unseen[1:]
	if o.seen != nil {
		o.seen(at)
	}
}

// arrived gives a BFD frame to the tester that it is for.
func (s *station) arrived(frame []byte, at time.Duration) {
	h := &hearing{at: at, frame: frame}
	packet.ParseEthernet(frame, &h.dgram)
	switch h.dgram.DstPort {
	case packet.PortControl, packet.PortMultihop, packet.PortEcho:
	default:
		return
	}
	for _, t := range s.testers {
		if t.takes(h) {
			t.hear(h)
			return
		}
	}
}

// stamp returns the time that the kernel noted, by its clock of the day.
func stamp(control []byte) time.Duration {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range list {
		if m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Duration(binary.NativeEndian.Uint64(m.Data))*time.Second +
				time.Duration(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return 0
}

// now is the present by the same clock.
func now() time.Duration { return time.Duration(time.Now().UnixNano()) }

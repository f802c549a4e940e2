package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// floodOptions are those of the flood of packets that no engine may believe.
type floodOptions struct {
	Sessions int `json:"sessions"`
	PPS      int `json:"pps"`
}

// flooded is what the flood has sent.
type flooded struct {
	Sent uint64  `json:"sent"`
	PPS  float64 `json:"pps"`
}

// runFlood sends bogus packets until in ends, as many as asked for or as it can.
func runFlood(o floodOptions, in io.Reader, out io.Writer) error {
	s, err := openFlood(o)
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	defer unix.Close(s.fd)
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, in)
		over.Store(true)
	}()
	runtime.LockOSThread()
	start := time.Now()
	for !over.Load() {
		due := uint64(time.Since(start).Seconds() * float64(o.PPS))
		if s.sent >= due {
			time.Sleep(200 * time.Microsecond)
			continue
		}
		if err := s.send(); err != nil {
			return fmt.Errorf("flood: %w", err)
		}
		if behind := due - min(s.sent, due); behind > uint64(o.PPS)/10 {
			start = time.Now() // it can do no more: never a burst to catch up
			s.total += s.sent
			s.sent = 0
			s.spent += time.Since(s.began)
			s.began = start
		}
	}
	return json.NewEncoder(out).Encode(s.result())
}

// flood sends prepared frames by a packet socket.
type flood struct {
	fd          int
	frames      [][]byte
	messages    []mmsg
	vectors     []unix.Iovec
	sent, total uint64
	began       time.Time
	spent       time.Duration
}

// mmsg is struct mmsghdr.
type mmsg struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

func openFlood(o floodOptions) (*flood, error) {
	link, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	s := &flood{fd: fd, frames: bogus(o.Sessions), began: time.Now()}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind packet socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1) // faster, no more
	s.messages, s.vectors = make([]mmsg, len(s.frames)), make([]unix.Iovec, len(s.frames))
	for i, f := range s.frames {
		s.vectors[i].Base = &f[0]
		s.vectors[i].SetLen(len(f))
		s.messages[i].header.Iov = &s.vectors[i]
		s.messages[i].header.SetIovlen(1)
	}
	return s, nil
}

// send sends every frame once, as far as the device takes them.
func (s *flood) send() error {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.messages[0])),
		uintptr(len(s.messages)), 0, 0, 0)
	switch errno {
	case 0:
		s.sent += uint64(n)
	case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
	default:
		return fmt.Errorf("send: %w", errno)
	}
	return nil
}

func (s *flood) result() flooded {
	total, spent := s.total+s.sent, s.spent+time.Since(s.began)
	return flooded{Sent: total, PPS: float64(total) / spent.Seconds()}
}

// bogusKinds are ways in which a packet is wrong: how it travels, what it says,
// and bytes of its BFD part that are overwritten.
var bogusKinds = []struct {
	ttl   uint8
	your  uint32
	alien bool // from an address that no session has
	patch map[int]byte
}{
	{ttl: 254, your: 1}, // from beyond the link (RFC 5881 §5)
	{your: 0x12345678},  // for a session that does not exist (RFC 5880 §6.8.6)
	{your: 0x12345678, patch: map[int]byte{0: 0x00}},                // version 0
	{your: 0x12345678, patch: map[int]byte{2: 0}},                   // multiplier 0
	{your: 0x12345678, patch: map[int]byte{3: 200}},                 // longer than it is
	{your: 0x12345678, patch: map[int]byte{4: 0, 5: 0, 6: 0, 7: 0}}, // no sender's discriminator
	{your: 0, alien: true},                                          // from a stranger
	{your: 0x12345678, patch: map[int]byte{1: 0xc1}},                // multipoint
}

// bogusFrames is how many different frames there are.
const bogusFrames = 64

func bogus(sessions int) (frames [][]byte) {
	for i := range bogusFrames {
		kind := bogusKinds[i%len(bogusKinds)]
		k := i * max(sessions/bogusFrames, 1) % sessions
		src := remote(k)
		if kind.alien {
			src = subnet(k, 250)
		}
		var t packet.Template
		t.Render(&packet.Path{
			SrcMAC: peerMAC, DstMAC: dutMAC, Src: packet.AddrFrom(src), Dst: packet.AddrFrom(local(k)),
			SrcPort: 49152, DstPort: packet.PortControl, TTL: kind.ttl, DSCP: 48,
		}, &packet.Control{
			State: packet.Up, DetectMult: 3, MyDiscr: 0xb0605, YourDiscr: kind.your, DesiredMinTx: 10_000, RequiredMinRx: 10_000,
		}, nil)
		frame := make([]byte, packet.MaxFrame)
		frame = frame[:t.Put(frame, 0)]
		for at, b := range kind.patch {
			frame[t.BFD()+at] = b
		}
		frame[t.BFD()-2], frame[t.BFD()-1] = 0, 0 // no UDP checksum: it is not what is wrong
		frames = append(frames, frame)
	}
	return frames
}

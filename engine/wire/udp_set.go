package wire

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	udpSetSize     = 64   // datagrams read by one system call; Receive's batch must not be longer
	udpPayload     = 2048 // bytes kept of a payload; what is beyond is not BFD's
	udpControlSize = 128  // bytes of control messages: TTL, destination, time
)

// mmsghdr is the kernel's struct of that name: one message of many.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// udpSet is the memory for reading many datagrams by one system call. Its
// parts point at each other, so it is never copied.
type udpSet struct {
	msgs     [udpSetSize]mmsghdr
	iovs     [udpSetSize]unix.Iovec
	names    [udpSetSize]unix.RawSockaddrInet6 // large enough for both families
	controls [udpSetSize][udpControlSize]byte
	payloads [udpSetSize][udpPayload]byte

	used     int // messages of the last read
	told     [udpSetSize]ancillary
	arrivals [udpSetSize]session.Time
}

func newUDPSet() *udpSet {
	s := new(udpSet)
	for i := range s.msgs {
		s.iovs[i].Base = &s.payloads[i][0]
		s.iovs[i].SetLen(udpPayload)
		h := &s.msgs[i].hdr
		h.Iov, h.Name, h.Control = &s.iovs[i], (*byte)(unsafe.Pointer(&s.names[i])), &s.controls[i][0]
		h.SetIovlen(1)
		s.rearm(i)
	}
	return s
}

// rearm restores the lengths that the kernel overwrites.
func (s *udpSet) rearm(i int) {
	s.msgs[i].hdr.Namelen = uint32(unsafe.Sizeof(s.names[i]))
	s.msgs[i].hdr.SetControllen(udpControlSize)
}

// read fills the set from the front with what waits in the socket fd.
func (s *udpSet) read(fd int) (n int, errno unix.Errno) {
	for i := range s.used {
		s.rearm(i)
	}
	s.used = 0
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.msgs[0])),
		udpSetSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	s.used = int(got)
	return s.used, 0
}

func (s *udpSet) control(i int) []byte {
	return s.controls[i][:min(int(s.msgs[i].hdr.Controllen), udpControlSize)]
}

func (s *udpSet) payload(i int) []byte {
	return s.payloads[i][:min(int(s.msgs[i].n), udpPayload)]
}

// source returns the sender's address and port, which the kernel keeps in
// network order.
func (s *udpSet) source(i int, v4 bool) (packet.Addr, uint16) {
	sa := &s.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if v4 {
		return mapped4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr[:]), port
	}
	return sa.Addr, port
}

package wire

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// lost counts frames that were steered here and had no room: none in the receive
// ring, or no buffer. How often a driver in zero-copy mode found no buffer says
// nothing of frames, so that is not counted here.
func (q *queue) lost() uint64 {
	if s, err := q.statistics(); err == nil {
		q.dropped = s.Rx_dropped + s.Rx_ring_full
	}
	return q.dropped
}

// lost counts datagrams that the socket dropped, for want of room above all.
func (r *udpReader) lost() uint64 {
	var info [memInfoLen]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(r.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno == 0 && size == uint32(unsafe.Sizeof(info)) {
		now := info[memInfoDrops]
		r.dropped += uint64(now - r.drops) // the kernel's counter is of 32 bits
		r.drops = now
	}
	return r.dropped
}

// Of linux/sock_diag.h: the last of the numbers that SO_MEMINFO tells.
const (
	memInfoDrops = 8
	memInfoLen   = memInfoDrops + 1
)

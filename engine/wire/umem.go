package wire

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// frameSize is the size in bytes of a UMEM frame. The kernel keeps
	// XDP_PACKET_HEADROOM of it before a received frame, so one of 1,792 bytes
	// fits.
	frameSize = 2048
	stampSize = 8 // bytes of the arrival stamp, right in front of a frame
)

// owner says who may touch a UMEM frame. A frame has exactly one owner at any
// time, so that the owners of all frames always add up to their number:
//
//	receive frames:  kernelRx -> lent -> kernelRx
//	transmit frames: free -> lent -> kernelTx -> free
//
// kernelRx is a frame in the fill ring, in the kernel, or in the receive ring;
// kernelTx one in the transmit ring, in the kernel, or in the completion ring.
type owner uint8

const (
	free owner = iota
	kernelRx
	kernelTx
	lent // to the worker: a payload being read or a frame being written
	numOwners
)

// umem is the memory of one AF_XDP socket. The first rx frames serve reception
// and the others transmission; neither kind ever becomes the other, so a flood
// of received frames cannot take away the means to send.
type umem struct {
	mem    []byte
	owners []owner
	rx     int      // receive frames
	spare  []uint32 // the free transmit frames
}

// newUmem maps memory for rx and tx frames.
func newUmem(rx, tx int) (*umem, error) {
	mem, err := unix.Mmap(-1, 0, (rx+tx)*frameSize, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes for frames: %w", (rx+tx)*frameSize, err)
	}
	u := &umem{mem: mem, owners: make([]owner, rx+tx), rx: rx, spare: make([]uint32, 0, tx)}
	for i := rx + tx - 1; i >= rx; i-- {
		u.spare = append(u.spare, uint32(i))
	}
	return u, nil
}

func (u *umem) close() error { return unix.Munmap(u.mem) }

// give hands a receive frame to the kernel and returns its address. What an
// earlier stamp left is cleared: a driver that refuses metadata leaves these
// bytes alone, and no stamp must not look like an old one.
func (u *umem) give(frame uint32, data uint64) uint64 {
	u.owners[frame] = kernelRx
	if data >= stampSize {
		clear(u.mem[data-stampSize : data])
	}
	return uint64(frame) * frameSize
}

// take makes the frame ours that the kernel received n bytes into at address
// data. It refuses what the kernel has no right to hand over.
func (u *umem) take(data uint64, n uint32) (frame uint32, b []byte, ok bool) {
	frame = uint32(data / frameSize)
	if data/frameSize >= uint64(u.rx) || u.owners[frame] != kernelRx || data%frameSize+uint64(n) > frameSize {
		return 0, nil, false
	}
	u.owners[frame] = lent
	return frame, u.mem[data : data+uint64(n)], true
}

// stamp returns the arrival stamp of the frame that begins at address data, 0
// when it has none.
func (u *umem) stamp(data uint64) int64 {
	if data%frameSize < stampSize {
		return 0
	}
	return int64(binary.NativeEndian.Uint64(u.mem[data-stampSize : data]))
}

// lend takes a transmit frame for the worker to write.
func (u *umem) lend() (frame uint32, ok bool) {
	if len(u.spare) == 0 {
		return 0, false
	}
	frame = u.spare[len(u.spare)-1]
	u.spare = u.spare[:len(u.spare)-1]
	u.owners[frame] = lent
	return frame, true
}

func (u *umem) bytes(frame uint32) []byte {
	at := int(frame) * frameSize
	return u.mem[at : at+frameSize : at+frameSize]
}

// send marks a lent frame as the kernel's and returns its address.
func (u *umem) send(frame uint32) uint64 {
	u.owners[frame] = kernelTx
	return uint64(frame) * frameSize
}

// done takes the transmit frame back that address names. It refuses what is
// not the kernel's, so that no frame is ever free twice.
func (u *umem) done(address uint64) bool {
	if address/frameSize >= uint64(len(u.owners)) {
		return false
	}
	frame := uint32(address / frameSize)
	if u.owners[frame] != kernelTx {
		return false
	}
	u.owners[frame] = free
	u.spare = append(u.spare, frame)
	return true
}

// census counts the frames by owner.
func (u *umem) census() (n [numOwners]int) {
	for _, o := range u.owners {
		n[o]++
	}
	return n
}

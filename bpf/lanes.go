package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine/fastpath"
)

// lanes are the arrays that the programs and the engine share, mapped into this
// process. The mapping keeps the memory alive, whatever becomes of the maps.
type lanes struct {
	images, heards, replies, pulses *ebpf.Map

	mapped mappings
	view   fastpath.Lanes
}

// mappings are arrays of the kernel's that are mapped into this process.
type mappings [][]byte

// mapLanes maps the arrays. The kernel rounds the size of an element up to 8
// bytes; all layouts are multiples of that.
func (l *lanes) mapLanes() (err error) {
	if l.view.Images, err = mapArray[fastpath.Image](&l.mapped, l.images); err != nil {
		return err
	}
	if l.view.Heard, err = mapArray[fastpath.Heard](&l.mapped, l.heards); err != nil {
		return err
	}
	if l.view.Replies, err = mapArray[fastpath.Reply](&l.mapped, l.replies); err != nil {
		return err
	}
	pulses, err := mapArray[fastpath.Pulse](&l.mapped, l.pulses)
	if err != nil {
		return err
	}
	l.view.Pulse = &pulses[0]
	l.view.SetPatience(fastpath.DefaultPatience)
	return nil
}

func mapArray[T any](into *mappings, m *ebpf.Map) ([]T, error) {
	var t T
	if size := unsafe.Sizeof(t); uintptr(m.ValueSize()) != size || size%8 != 0 {
		return nil, fmt.Errorf("map %s: an element is %d bytes and not %d", m, m.ValueSize(), size)
	}
	page := unix.Getpagesize()
	length := (int(m.MaxEntries())*int(unsafe.Sizeof(t)) + page - 1) / page * page
	b, err := unix.Mmap(m.FD(), 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of %s: %w", length, m, err)
	}
	*into = append(*into, b)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), int(m.MaxEntries())), nil
}

func (m *mappings) unmap() error {
	var errs []error
	for _, b := range *m {
		errs = append(errs, unix.Munmap(b))
	}
	*m = nil
	return errors.Join(errs...)
}

func (l *lanes) unmap() error {
	l.view = fastpath.Lanes{}
	return l.mapped.unmap()
}

// Lanes returns the memory that the engine shares with the programs, nil if there
// is none. It must not be touched after Close.
func (t *Tables) Lanes() *fastpath.Lanes {
	if len(t.lanes.view.Images) == 0 {
		return nil
	}
	return &t.lanes.view
}

// NoLane is the lane of a session that takes no part.
const NoLane = -1

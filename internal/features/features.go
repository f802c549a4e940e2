// Package features reads and changes the features of a network device by their
// names, as ethtool -k and -K do.
package features

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrFixed says that a device has a feature whose state cannot be changed.
var ErrFixed = errors.New("the device does not let it be changed")

// Device is a network device, in the network namespace of the thread that has
// opened it.
type Device struct {
	name string
	fd   int
	call func(data unsafe.Pointer) error // the ioctl
}

// Open returns the device of a name. Close ends it.
func Open(ifname string) (*Device, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("features of %s: %w", ifname, err)
	}
	d := &Device{name: ifname, fd: fd}
	d.call = d.ioctl
	return d, nil
}

// Rename says that the device has another name now.
func (d *Device) Rename(ifname string) { d.name = ifname }

// Close lets go of the device, whose features stay as they are.
func (d *Device) Close() error { return unix.Close(d.fd) }

// What follows is of linux/ethtool.h.
const (
	setFeatures = 4  // ETH_SS_FEATURES
	nameLen     = 32 // ETH_GSTRING_LEN
	most        = 4096
)

type (
	setInfo struct {
		cmd, _ uint32
		mask   uint64
		count  uint32
	}
	names struct {
		cmd, set, count uint32
		text            [most * nameLen]byte
	}
	states struct {
		cmd, blocks uint32
		block       [most / 32]struct{ available, requested, active, never uint32 }
	}
	wishes struct {
		cmd, blocks uint32
		block       [most / 32]struct{ valid, requested uint32 }
	}
)

// Active reports whether a feature is on. One that the kernel does not know is off.
func (d *Device) Active(feature string) (bool, error) {
	at, n, err := d.find(feature)
	if err != nil || at < 0 {
		return false, err
	}
	on, err := d.state(at, n)
	return on, d.explain("read", feature, err)
}

// Set turns a feature on or off. The error is ErrFixed when it stays as it was.
func (d *Device) Set(feature string, on bool) error {
	at, n, err := d.find(feature)
	if err != nil {
		return err
	}
	if at < 0 {
		return d.explain("change", feature, ErrFixed)
	}
	w := wishes{cmd: unix.ETHTOOL_SFEATURES, blocks: blocks(n)}
	bit := uint32(1) << (at % 32)
	if w.block[at/32].valid = bit; on {
		w.block[at/32].requested = bit
	}
	if err := d.call(unsafe.Pointer(&w)); err != nil {
		return d.explain("change", feature, err)
	}
	now, err := d.state(at, n)
	if err == nil && now != on {
		err = ErrFixed
	}
	return d.explain("change", feature, err)
}

func blocks(features int) uint32 { return uint32(features+31) / 32 }

// find returns the number of a feature, -1 if there is no such, and how many there
// are.
func (d *Device) find(feature string) (at, n int, err error) {
	info := setInfo{cmd: unix.ETHTOOL_GSSET_INFO, mask: 1 << setFeatures}
	if err := d.call(unsafe.Pointer(&info)); err != nil {
		return -1, 0, d.explain("list", feature, err)
	}
	if n = int(info.count); n > most {
		return -1, 0, d.explain("list", feature, fmt.Errorf("%d features are more than there are", n))
	}
	list := &names{cmd: unix.ETHTOOL_GSTRINGS, set: setFeatures, count: uint32(n)}
	if err := d.call(unsafe.Pointer(list)); err != nil {
		return -1, 0, d.explain("list", feature, err)
	}
	for i := range n {
		name, _, _ := bytes.Cut(list.text[i*nameLen:(i+1)*nameLen], []byte{0})
		if string(name) == feature {
			return i, n, nil
		}
	}
	return -1, n, nil
}

func (d *Device) state(at, n int) (on bool, err error) {
	s := states{cmd: unix.ETHTOOL_GFEATURES, blocks: blocks(n)}
	err = d.call(unsafe.Pointer(&s))
	return s.block[at/32].active>>(at%32)&1 == 1, err
}

func (d *Device) explain(verb, feature string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s feature %s of %s: %w", verb, feature, d.name, err)
}

func (d *Device) ioctl(data unsafe.Pointer) error {
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}{data: data}
	if copy(req.name[:unix.IFNAMSIZ-1], d.name) < len(d.name) {
		return unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(d.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return errno
	}
	return nil
}

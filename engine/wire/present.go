package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrGone says that an interface is not there any more, or that another name is its
// own now: what was opened by its name may be another's.
var ErrGone = errors.New("it has gone, or has another name now")

// Gone says whether the interface is not there any more: it was deleted, or is in
// another network namespace. It is called in the network namespace of Open.
func (i *Interface) Gone() bool {
	_, err := nameOf(i.ifindex)
	return errors.Is(err, unix.ENODEV)
}

// isCalled says whether an interface is there by this name, as far as that can be
// found out.
func isCalled(ifindex int, name string) bool {
	now, err := nameOf(ifindex)
	return now == name || err != nil && !errors.Is(err, unix.ENODEV)
}

// nameOf returns the name of the interface of an index; ENODEV if there is none.
func nameOf(ifindex int) (string, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	req.SetUint32(uint32(ifindex))
	err = unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req)
	return req.Name(), err
}

package routes

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Clear removes every route, address and nexthop of ours from the network namespace of
// the calling thread, where no Manager may keep any, and returns the routes, addresses
// and nexthop groups that are gone; the error says what the first one is that is not, and why.
func Clear() (gone []Object, err error) {
	k, err := Open()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	list, err := k.List()
	if err != nil {
		return nil, err
	}
	ops := make([]Op, len(list))
	for i := range list {
		ops[i] = Op{Verb: Remove, Object: &list[i]}
	}
	if err := k.Apply(ops); err != nil {
		return nil, err
	}
	for _, op := range ops {
		switch {
		case op.Err == nil || isGone(op.Err):
			gone = append(gone, *op.Object)
		case err == nil: // one stands for all
			err = fmt.Errorf("remove %s: %w", op.Object.Describe(), op.Err)
		}
	}
	if swept := k.Sweep(nil); swept != nil && err == nil {
		err = fmt.Errorf("remove nexthops: %w", swept)
	}
	return gone, err
}

// isGone tells whether what was to be removed is not there any more.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EADDRNOTAVAIL)
}

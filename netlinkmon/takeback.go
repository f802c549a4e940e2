package netlinkmon

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TakeBack releases the neighbour entries which Monitors asked the kernel to keep
// in the network namespace of the calling thread, as Close would have done had
// their processes come to it. It returns how many there were. Not while a Monitor
// lives there: they do not tell theirs from others'.
func TakeBack() (n int, err error) {
	k, err := openKernel()
	if err != nil {
		return 0, fmt.Errorf("open netlink socket: %w", err)
	}
	defer k.close()
	keys, err := k.kept()
	if err != nil {
		return 0, fmt.Errorf("list neighbours: %w", err)
	}
	all := newNeighbours(k, slog.New(slog.DiscardHandler))
	for _, key := range keys {
		all.release(key)
	}
	return len(keys), nil
}

// kept lists the entries that a Monitor has the kernel keep, or that it asked for
// and that have no address.
func (k *kernel) kept() (keys []neighKey, err error) {
	for range 10 {
		keys = keys[:0]
		req := k.request(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
		req.AddData(&netlink.Ndmsg{Family: unix.AF_UNSPEC})
		err = req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH, func(body []byte) bool {
			e, ok := parse(unix.RTM_NEWNEIGH, 0, body).(neighEvent)
			if ok && e.neigh.ours && !e.neigh.fixed() && (e.neigh.managed || !e.neigh.known()) {
				keys = append(keys, e.key)
			}
			return true
		})
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return keys, err
}

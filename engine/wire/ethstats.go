package wire

import (
	"bytes"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethStats reads an interface's statistics by ethtool, from any thread: the
// socket is of the network namespace that it was opened in.
type ethStats struct {
	fd     int
	ifname string
}

func openEthStats(ifname string) (*ethStats, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &ethStats{fd, ifname}, nil
}

func (s *ethStats) close() error { return unix.Close(s.fd) }

const (
	ethSSStats    = 1  // ETH_SS_STATS
	ethNameLen    = 32 // ETH_GSTRING_LEN
	ethHeaderSize = 8
	// The kernel writes as many statistics as there are by then, without regard
	// to the room: queues may have been added since they were counted.
	ethSpare = 1024
)

// read returns the statistics by name. A driver that has none has an empty map.
func (s *ethStats) read() (map[string]uint64, error) {
	var set struct {
		cmd, reserved uint32
		mask          uint64
		count, _      uint32
	}
	set.cmd, set.mask = unix.ETHTOOL_GSSET_INFO, 1<<ethSSStats
	if err := s.ioctl(unsafe.Pointer(&set)); err != nil {
		return nil, err
	}
	if set.mask == 0 || set.count == 0 {
		return nil, nil
	}
	room := int(set.count) + ethSpare
	names := make([]uint32, (ethHeaderSize+4+room*ethNameLen)/4)
	names[0], names[1], names[2] = unix.ETHTOOL_GSTRINGS, ethSSStats, set.count
	if err := s.ioctl(unsafe.Pointer(&names[0])); err != nil {
		return nil, err
	}
	values := make([]uint64, 1+room)
	*(*[2]uint32)(unsafe.Pointer(&values[0])) = [2]uint32{unix.ETHTOOL_GSTATS, set.count}
	if err := s.ioctl(unsafe.Pointer(&values[0])); err != nil {
		return nil, err
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(&names[3])), room*ethNameLen)
	stats := make(map[string]uint64, set.count)
	for i := range int(set.count) {
		name, _, _ := bytes.Cut(text[i*ethNameLen:(i+1)*ethNameLen], []byte{0})
		stats[string(name)] = values[1+i]
	}
	return stats, nil
}

func (s *ethStats) ioctl(data unsafe.Pointer) error {
	req := ifreqData{data: data}
	if copy(req.name[:unix.IFNAMSIZ-1], s.ifname) < len(s.ifname) {
		return unix.ENODEV
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}

// xmitted returns how many frames the driver says that it has taken from XDP
// programs for sending (ndo_xdp_xmit). ok is false for a driver that does not
// count them: many do not. Those that it refused are not among them.
func xmitted(stats map[string]uint64) (n uint64, ok bool) {
	if n, ok = stats["tx_xdp_xmit"]; ok { // mlx5 has those of the queues as well
		return n, true
	}
	for name, v := range stats {
		if strings.HasPrefix(name, "tx") && strings.Contains(name, "xdp_xmit") &&
			!strings.Contains(name, "err") && !strings.Contains(name, "drop") {
			n, ok = n+v, true
		}
	}
	return n, ok
}

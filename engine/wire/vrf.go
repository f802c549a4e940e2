package wire

import (
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// openUDP opens the interface's receive socket of a family. In a VRF it and one that
// another program has bound to the VRF's device are different ones to the kernel,
// which would let both have the port and give packets to the one that came last. So
// the program that was first keeps it, as it does elsewhere: we try to have it.
func (i *Interface) openUDP(family int) (*udpReader, error) {
	if vrf := i.options.VRF; vrf != 0 {
		fd, err := udpPlace{index: vrf, port: packet.PortControl}.open(family)
		if err == nil {
			err = unix.Close(fd)
		}
		if err != nil {
			return nil, err
		}
	}
	return newUDPReader(udpPlace{device: i.name, port: packet.PortControl}, family)
}

package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// maxVRFPorts is how many interfaces may be in VRFs: the table takes 64 KiB.
const maxVRFPorts = 1 << 12

// SetVRF says in which VRF an interface is, by the index of the VRF's device; 0 is
// the default VRF. Multihop packets belong to the sessions of the VRF in which they
// arrive.
func (t *Tables) SetVRF(ifindex, vrf int32) error {
	var err error
	if vrf != 0 {
		err = t.vrfs.Put(uint32(ifindex), uint32(vrf))
	} else if err = t.vrfs.Delete(uint32(ifindex)); errors.Is(err, ebpf.ErrKeyNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("tell XDP the VRF of interface %d: %w", ifindex, err)
	}
	return nil
}

package speaker

import (
	"maps"
	"time"
)

// learnVRFs takes in which interfaces are in a VRF, and which. None that has changed
// lingers: what arrives by it while it goes into another VRF, before we hear of that,
// would be taken for packets of sessions with the same addresses.
func (s *Speaker) learnVRFs(vrfs map[int]int) {
	changed := maps.Clone(vrfs)
	for index, vrf := range s.vrfs {
		if vrfs[index] == vrf {
			delete(changed, index)
		} else {
			changed[index] = vrfs[index]
		}
	}
	s.vrfs = vrfs
	for index := range changed {
		if f := s.ifaces[index]; f != nil {
			f.until = time.Time{}
		}
		if vrfs[index] == 0 && s.far[index] != nil {
			continue // what its sockets have taken is still the VRF's: see closeFarOf
		}
		s.setVRF(index)
	}
}

// setVRF tells engine and tables the VRF of an interface.
func (s *Speaker) setVRF(index int) {
	s.engine.SetVRF(int32(index), int32(s.vrfs[index]))
	if s.tables == nil {
		return
	}
	if err := s.tables.SetVRF(int32(index), int32(s.vrfs[index])); err != nil {
		s.log.Error("multihop packets may not be heard", "ifindex", index, "err", err)
	}
}

package speaker

import "maps"

// learnVRFs takes in which interfaces are in a VRF, and which.
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

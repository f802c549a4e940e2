package doctor

import "testing"

// FuzzDroppedPorts: whatever a rule looks like, it is read without harm and only
// ports of BFD are found in it.
func FuzzDroppedPorts(f *testing.F) {
	attr := func(kind byte, value string) string {
		return string([]byte{byte(4 + len(value)), 0, kind, 0}) + value + string(make([]byte, -len(value)&3))
	}
	// cmp eq reg 1 3784; immediate reg 0 drop
	cmp := attr(1, attr(1, "cmp\x00")+attr(2, attr(1, "\x00\x00\x00\x01")+attr(3, attr(1, "\x0e\xc8"))))
	drop := attr(1, attr(1, "immediate\x00")+attr(2, attr(2, attr(2, attr(1, "\x00\x00\x00\x00")))))
	if ports := droppedPorts([]byte(cmp + drop)); len(ports) != 1 || ports[0] != 3784 {
		f.Errorf("ports %v, want 3784", ports)
	}
	if ports := droppedPorts([]byte(cmp)); ports != nil {
		f.Errorf("ports %v of a rule that drops nothing", ports)
	}
	for _, seed := range []string{"", cmp, drop, cmp + drop, cmp + drop[:7]} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, rule []byte) {
		for _, p := range droppedPorts(rule) {
			if p != 3784 && p != 3785 && p != 4784 {
				t.Errorf("port %d", p)
			}
		}
	})
}

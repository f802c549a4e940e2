package explain

import (
	"testing"

	"github.com/xbfd/xbfd/packet"
)

// A frame is the VRF's in which its interface is: sessions that have the same
// addresses in another are not meant, whatever the frame says.
func TestVRF(t *testing.T) {
	const redDiscr = 0x99
	list := sessions()
	red := list[2]
	red.Discr, red.VRF, red.Interface = redDiscr, "red", "eth1"
	list[2].Interface = "eth0"
	onLink := list[0]
	onLink.Discr, onLink.Interface, onLink.VRF = 0x98, "eth1", "default" // the VRF of its interface
	list = append(list, red, onLink)
	far := func(discr uint32) []byte {
		return good(farPeer, farLocal).with(func(s *sent) {
			s.DstPort, s.YourDiscr, s.State = packet.PortMultihop, discr, packet.Down
		}).bytes(t)
	}
	near := func(discr uint32) []byte {
		return good(peer, local).with(func(s *sent) { s.YourDiscr, s.State = discr, packet.Down }).bytes(t)
	}
	for _, c := range []struct {
		name, ifname string
		frame        []byte
		verdict      string
		session      uint32
	}{
		{"default's, first", "eth0", far(0), "accepted", farDiscr},
		{"red's, first", "eth1", far(0), "accepted", redDiscr},
		{"red's", "eth1", far(redDiscr), "accepted", redDiscr},
		{"red's, in the default VRF", "eth0", far(redDiscr), "wrong_interface", redDiscr},
		{"default's, in red", "eth1", far(farDiscr), "wrong_interface", farDiscr},
		{"single hop in red", "eth1", near(0), "accepted", 0x98},
		{"single hop, the other's", "eth1", near(discr), "wrong_interface", discr},
	} {
		e := New(Options{Sessions: list, Interface: c.ifname})
		r := e.Explain(Frame{Data: c.frame})
		if r.Engine.Verdict != c.verdict || r.Session == nil || r.Session.Discr != c.session {
			t.Errorf("%s: %+v, session %+v", c.name, r.Engine, r.Session)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

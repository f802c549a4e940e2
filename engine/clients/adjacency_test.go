package clients_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Whether a control protocol may form an adjacency.
func TestAdjacency(t *testing.T) {
	const allowed, blocked = true, false
	tests := []struct {
		name                string
		play                func(*rig)
		unsure, sure, route bool
		rows                []string
	}{
		{"never heard", func(*rig) {}, allowed, blocked, allowed, []string{"5882-4.1-02"}},
		{"heard", (*rig).heard, blocked, blocked, blocked, []string{"5882-4.1-02"}},
		{"up", (*rig).comesUp, allowed, allowed, allowed, []string{"5882-4.1-02"}},
		{"failed", func(r *rig) { r.comesUp(); r.fails() }, blocked, blocked, blocked, []string{"5882-4.1-02"}},
		{"AdminDown here", (*rig).off, allowed, allowed, allowed, []string{"5882-4.1-01"}},
		{"AdminDown here after Up", func(r *rig) { r.comesUp(); r.off() }, allowed, allowed, allowed, []string{"5882-4.1-01"}},
		{"enabled again", func(r *rig) { r.comesUp(); r.off(); r.on() }, blocked, blocked, blocked, []string{"5882-4.1-02"}},
		{"AdminDown at the peer", func(r *rig) { r.comesUp(); r.peerOff() }, allowed, allowed, allowed, []string{"5882-4.1-01"}},
		{"AdminDown at the peer while Down", func(r *rig) { r.comesUp(); r.fails(); r.peerOff() }, allowed, allowed, allowed, []string{"5882-4.1-01"}},
		{"AdminDown at a peer never heard before", (*rig).peerOff, allowed, allowed, allowed, []string{"5882-4.1-01"}},
		{"the peer's ended", func(r *rig) { r.comesUp(); r.peerOff(); r.peerOn() }, blocked, blocked, blocked, []string{"5882-4.1-02"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.join("unsure", protocol)
			r.join("sure", sure)
			r.join("route", route)
			tt.play(r)
			for owner, want := range map[string]bool{"unsure": tt.unsure, "sure": tt.sure, "route": tt.route} {
				if got := r.view(owner).AdjacencyAllowed; got != want {
					t.Errorf("%s: adjacency allowed %v, want %v", owner, got, want)
				}
			}
			rows.Covers(t, tt.rows...)
		})
	}
}

// A change at the peer alone is told when it changes what a client may do, and
// only then.
func TestPeerAlone(t *testing.T) {
	r := newRig(t)
	r.join("bgp", protocol)
	r.comesUp()
	r.fails()
	r.take("bgp")
	r.peerOff()
	r.heardBy("bgp", admin)
	r.sees("bgp", clients.View{State: packet.Down, Admin: true, AdjacencyAllowed: true})
	r.peerOff()
	r.heardBy("bgp")
	r.peerOn()
	r.heardBy("bgp", progress)
	r.sees("bgp", clients.View{State: packet.Down})
	r.peerOn()
	r.heardBy("bgp")
	rows.Covers(t, "5882-4.1-01")
}

// A session that begins disabled is seen so, and its peer is not blamed.
func TestBeginsDisabled(t *testing.T) {
	r := newRig(t)
	r.join("bgp", with(sure, func(w *clients.Wish) { w.Params.AdminDown = true }))
	r.sees("bgp", clients.View{State: packet.AdminDown, Admin: true, AdjacencyAllowed: true})
	rows.Covers(t, "5882-4.1-01")
}

package explain

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// world is one interface as its XDP program sees it: the tables, in the kernel and
// here.
type world struct {
	tables *bpf.Tables
	trial  *bpf.Trial
	err    error // why the program cannot be run

	mac    packet.MAC
	peers  map[peerKey]bpf.Peer
	locals map[addrKey]bool
	loops  map[addrKey]bool
	discrs map[uint32]int // to lanes
	lanes  *fastpath.Lanes
}

type addrKey struct {
	ifindex int32
	addr    packet.Addr
}

type peerKey struct {
	ifindex     int32
	local, peer packet.Addr
}

// here is the index of the interface of arrival in every world; the others' are
// beyond it.
const here = bpf.TrialInterface

// newWorld fills the tables as the sessions want it for the interface ifname, which
// is in a VRF, "" for the default one.
func newWorld(sessions []Session, ifname, vrf string) *world {
	w := emptyWorld(len(sessions))
	lanes := len(w.lanes.Images)
	w.tables, w.err = bpf.NewTables(2*lanes, lanes)
	for i := range sessions {
		w.add(&sessions[i], i, ifname, vrf)
	}
	if w.err == nil {
		w.trial, w.err = bpf.NewTrial(w.tables)
	}
	return w
}

func emptyWorld(sessions int) *world {
	return &world{
		peers: make(map[peerKey]bpf.Peer), locals: make(map[addrKey]bool), loops: make(map[addrKey]bool),
		discrs: make(map[uint32]int), lanes: fastpath.New(max(sessions, 1)),
	}
}

// add is what speaker does for a session.
func (w *world) add(s *Session, lane int, ifname, vrf string) {
	if !s.Local.IsValid() || !s.Peer.IsValid() {
		return
	}
	p := bpf.Peer{Ifindex: here, Local: packet.AddrFrom(s.Local.WithZone("")), Peer: packet.AddrFrom(s.Peer.WithZone("")), Loop: s.Loops}
	switch {
	case s.Params.Kind == session.Multihop:
		p.Ifindex, p.Loop, p.Multihop, p.MinTTL = 0, false, true, s.MinTTL
		if ifname != "" && s.VRF != vrf {
			p.Ifindex = here + 1 + int32(lane)
		}
	case s.Interface != "" && ifname != "" && s.Interface != ifname:
		p.Ifindex = here + 1 + int32(lane)
	}
	w.peers[peerKey{p.Ifindex, p.Local, p.Peer}] = p
	w.locals[addrKey{p.Ifindex, p.Local}] = true
	if p.Loop {
		w.loops[addrKey{p.Ifindex, p.Peer}] = true
	}
	w.note(w.tables.SetPeer, p)
	if s.Discr == 0 {
		return
	}
	at := bpf.NoLane
	if s.Expected != nil && w.lanes.Expect(lane, s.Expected, here, 0) {
		at = lane
		if w.err == nil {
			w.tables.Lanes().Expect(lane, s.Expected, here, 0)
		}
	}
	w.discrs[s.Discr] = at
	if w.err == nil {
		w.err = w.tables.AddDiscr(s.Discr, at)
	}
}

func (w *world) note(set func(bpf.Peer) error, p bpf.Peer) {
	if w.err == nil {
		w.err = set(p)
	}
}

// setMAC says which station the interface is.
func (w *world) setMAC(mac packet.MAC) {
	w.mac = mac
	if w.err == nil {
		w.err = w.trial.SetMAC(mac)
	}
}

// judge returns the program's verdict of a frame, and whether the program itself
// gave it.
func (w *world) judge(frame []byte) (verdict string, program bool) {
	if w.err == nil {
		if verdict, err := w.trial.Run(frame); err == nil {
			return verdict, true
		}
	}
	return w.rules(frame), false
}

func (w *world) close() error {
	var err error
	if w.trial != nil {
		err = w.trial.Close()
	}
	if w.tables != nil {
		err = errors.Join(err, w.tables.Close())
	}
	return err
}

// rules are those of bpf/src: the verdict where the program cannot be run.
func (w *world) rules(b []byte) string {
	if len(b) < 14 {
		return "pass_other"
	}
	if binary.BigEndian.Uint16(b[12:]) == 0x8100 {
		if len(b) < 18 {
			return "pass_other"
		}
		if binary.BigEndian.Uint16(b[14:])&0x0fff == 0 {
			b = slices.Concat(b[:12], b[16:]) // a priority and no VLAN
		}
	}
	var d datagram
	verdict := ""
	switch binary.BigEndian.Uint16(b[12:]) {
	case 0x0800:
		verdict = d.ipv4(b[14:])
	case 0x86dd:
		verdict = d.ipv6(b[14:])
	case 0x8100, 0x88a8:
		verdict = "pass_vlan"
	default:
		verdict = "pass_other"
	}
	if verdict != "" {
		return verdict
	}
	if d.port == packet.PortEcho {
		return w.echo(b, &d)
	}
	if lane, ok := w.discrs[d.discr]; ok && d.discr != 0 && lane != bpf.NoLane && w.lanes.Images[lane].Holds(b, here) {
		return "heard"
	}
	return w.control(b, &d)
}

func (w *world) control(b []byte, d *datagram) string {
	ifindex, least := int32(here), uint8(255)
	if d.port == packet.PortMultihop {
		ifindex, least = 0, 0
	}
	p, ours := w.peers[peerKey{ifindex, d.dst, d.src}]
	switch {
	case ours && p.Multihop:
		least = p.MinTTL
	case ours:
	case !w.names(ifindex, d):
		return "pass_foreign"
	}
	switch {
	case packet.MAC(b[:6]) != w.mac:
		return "pass_mac"
	case d.ttl < least:
		return "ttl"
	}
	return "steered"
}

// names reports whether a frame names one of our discriminators, and goes to an
// address that a session on the interface has.
func (w *world) names(ifindex int32, d *datagram) bool {
	_, known := w.discrs[d.discr]
	return d.discr != 0 && known && w.locals[addrKey{ifindex, d.dst}]
}

func (w *world) echo(b []byte, d *datagram) string {
	loop := d.ttl == 255 && (w.loops[addrKey{here, d.dst}] || w.peers[peerKey{here, d.dst, d.src}].Loop)
	switch {
	case !loop && !w.names(here, d):
		return "pass_foreign"
	case packet.MAC(b[:6]) != w.mac:
		return "pass_mac"
	case !loop && d.ttl != 254:
		return "ttl"
	}
	return "steered"
}

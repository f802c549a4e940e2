package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/xbfd/xbfd/packet"
)

// Tables tells the programs which frames are ours. One Tables serves the
// interfaces of one engine and must outlive their Programs.
type Tables struct {
	peers, discrs, uppers, vrfs *ebpf.Map
	lanes                       lanes

	mu            sync.Mutex       // guards what follows, and the order of changes to peers and uppers
	locals, loops addrSet          // of sessions
	lowers        map[int32]*lower // by index of the interface
}

// NewTables makes the tables, with room for maxSessions sessions and lanes for
// so many of them. It needs CAP_BPF and CAP_NET_ADMIN.
func NewTables(maxSessions, maxLanes int) (_ *Tables, err error) {
	// Where this does not work for want of BPF the maps below do not either, and
	// their error is one that can be told from others.
	_ = rlimit.RemoveMemlock()
	spec, err := loadXbfd()
	if err != nil {
		return nil, fmt.Errorf("read XDP object: %w", err)
	}
	t := &Tables{
		locals: addrSet{more: make(map[addrKey]int)},
		loops:  addrSet{more: make(map[addrKey]int)},
		lowers: make(map[int32]*lower),
	}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	for name, m := range t.byName() {
		s := spec.Maps[name]
		s.MaxEntries = uint32(maxSessions)
		switch {
		case m == &t.lanes.pulses:
			s.MaxEntries = 1
		case m == &t.uppers:
			s.MaxEntries = maxUppers
		case m == &t.vrfs:
			s.MaxEntries = maxVRFPorts
		case s.Type == ebpf.Array:
			s.MaxEntries = uint32(max(maxLanes, 1))
		}
		if *m, err = ebpf.NewMap(s); err != nil {
			return nil, fmt.Errorf("create BPF map %s: %w", name, err)
		}
	}
	if maxLanes > 0 {
		if err := t.lanes.mapLanes(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Tables) byName() map[string]**ebpf.Map {
	return map[string]**ebpf.Map{
		xbfdMapPeers: &t.peers, xbfdMapDiscrs: &t.discrs, xbfdMapUppers: &t.uppers, xbfdMapVrfs: &t.vrfs,
		xbfdMapLocals: &t.locals.table, xbfdMapLoops: &t.loops.table,
		xbfdMapImages: &t.lanes.images, xbfdMapHeards: &t.lanes.heards,
		xbfdMapReplies: &t.lanes.replies, xbfdMapPulses: &t.lanes.pulses,
	}
}

// SetPeer makes the frames of a session ours, from its peer to its local
// address; it adds the session, or changes what is told of one with the same
// interface and addresses. A table that is full is an error and changes nothing.
func (t *Tables) SetPeer(p Peer) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err = p.validate(); err != nil {
		return fmt.Errorf("add peer %s to XDP: %w", p.Peer.Netip(), err)
	}
	old, had, err := t.rule(p.key())
	if err != nil {
		return err
	}
	if !had {
		if err := t.locals.hold(p.localKey()); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, t.locals.drop(p.localKey()))
			}
		}()
	}
	if p.Loop && old.loop == 0 {
		if err := t.loops.hold(p.loopKey()); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, t.loops.drop(p.loopKey()))
			}
		}()
	}
	if err := t.peers.Put(p.key(), p.rule()); err != nil {
		return fmt.Errorf("add peer %s to XDP: %w", p.Peer.Netip(), err)
	}
	if old.loop != 0 && !p.Loop {
		return t.loops.drop(p.loopKey())
	}
	return nil
}

// rule returns what the programs are told of a session, as the kernel has it: a
// copy here would be as large as the table.
func (t *Tables) rule(k peerKey) (r rule, exists bool, err error) {
	var b [unsafe.Sizeof(r)]byte
	switch err := t.peers.Lookup(k, &b); {
	case errors.Is(err, ebpf.ErrKeyNotExist):
		return r, false, nil
	case err != nil:
		return r, false, fmt.Errorf("look peer %s up in XDP: %w", k.peer.Netip(), err)
	}
	return rule{minTTL: b[0], loop: b[1]}, true, nil
}

// DelPeer undoes SetPeer; a multihop session's ifindex is its VRF. Deleting what is
// not there is no error.
func (t *Tables) DelPeer(ifindex int32, local, peer packet.Addr) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := Peer{Ifindex: ifindex, Local: local, Peer: peer}
	r, exists, err := t.rule(p.key())
	if !exists {
		return err
	}
	if err = t.peers.Delete(p.key()); err != nil {
		return fmt.Errorf("delete peer %s from XDP: %w", peer.Netip(), err)
	}
	if r.loop != 0 {
		err = errors.Join(err, t.loops.drop(p.loopKey()))
	}
	return errors.Join(err, t.locals.drop(p.localKey()))
}

// AddDiscr makes the frames ours whose destination is a local address of a
// session on the interface of arrival (or of a multihop session of its VRF, for
// port 4784)
// and that name discr: as Your Discriminator, and in what comes back to us by
// the Echo port where a Control packet has its sender's. lane is the session's
// place in Lanes, or NoLane.
func (t *Tables) AddDiscr(discr uint32, lane int) error {
	if discr == 0 {
		return errors.New("add discriminator to XDP: 0 is no discriminator")
	}
	if err := t.discrs.Put(discrKey(discr), uint32(lane)); err != nil {
		return fmt.Errorf("add discriminator %d to XDP: %w", discr, err)
	}
	return nil
}

// DelDiscr undoes AddDiscr. Deleting what is not there is no error.
func (t *Tables) DelDiscr(discr uint32) error {
	err := t.discrs.Delete(discrKey(discr))
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete discriminator %d from XDP: %w", discr, err)
	}
	return nil
}

// Close frees the tables.
func (t *Tables) Close() error {
	errs := []error{t.lanes.unmap()}
	for _, m := range t.byName() {
		errs = append(errs, (*m).Close())
	}
	return errors.Join(errs...)
}

func discrKey(discr uint32) (k [4]byte) {
	binary.BigEndian.PutUint32(k[:], discr)
	return k
}

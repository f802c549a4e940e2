package bpf

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/packet"
)

// maxUppers is how many VLAN devices there may be, each counted for every
// interface that its frames arrive on.
const maxUppers = 8192

// vlanIDs is how many there are, 0 being none.
const vlanIDs = 1 << 12

// owner and tagKey have the layouts of struct owner and of the key of uppers in
// src/match.h.
type owner struct {
	ifindex uint32
	mac     packet.MAC
	_       [2]byte
}

type tagKey struct{ lower, vlan uint32 }

// Uppers tells whose the frames are that arrive on one interface. The zero Uppers,
// and a nil one, is of an interface under no other.
type Uppers struct {
	ids atomic.Pointer[[vlanIDs]atomic.Int32] // nil as long as there are none
}

// Nobody is the owner of a frame of a VLAN that is no session's.
const Nobody = -1

// Of returns the index of the interface whose frames with the tag of a VLAN are, 0
// being that of no tag: 0 for the interface that they arrive on, or Nobody.
func (u *Uppers) Of(vlan uint16) int32 {
	var upper int32
	if u != nil {
		if ids := u.ids.Load(); ids != nil {
			upper = ids[vlan%vlanIDs].Load()
		}
	}
	if upper == 0 && vlan != 0 {
		return Nobody
	}
	return upper
}

func (u *Uppers) set(vlan uint16, upper int32) {
	ids := u.ids.Load()
	if ids == nil {
		ids = new([vlanIDs]atomic.Int32)
		u.ids.Store(ids)
	}
	ids[vlan].Store(upper)
}

// lower is what the tables know of an interface that others may lie over.
type lower struct {
	Uppers
	program *Program // nil while there is none
	over    owner    // of frames without a tag; zero: the interface itself
	vlans   int      // how many VLAN devices lie over it
	idle    bool     // it is a member that its bond does not use
}

// Lost says what of VLAN tags an interface keeps from its program.
type Lost uint8

// Each includes the one before.
const (
	LostNone  Lost = iota // frames are as they were on the wire, or those with tags are nobody's
	LostTags              // a frame without a tag may have had one: the kernel's to judge
	LostOuter             // and one with a tag, another before it: all are the kernel's
)

// bits are those of enum standing in src/match.h.
func (l *lower) bits() (bits xbfdStanding) {
	if l.vlans > 0 {
		bits = xbfdStandingTAGS_KNOWN
	}
	if l.program.lost >= LostTags {
		bits |= xbfdStandingTAGS_LOST
	}
	if l.program.lost == LostOuter {
		bits |= xbfdStandingTAGS_OUTER_LOST
	}
	if l.idle {
		bits |= xbfdStandingMEMBER_IDLE
	}
	return bits
}

// SetLost tells the program what the interface keeps from it. After Attach that is
// nothing.
func (p *Program) SetLost(l Lost) error {
	p.tables.mu.Lock()
	was := p.lost
	p.lost = l
	p.tables.mu.Unlock()
	if was == l {
		return nil
	}
	return p.tables.enlist(p)
}

// lower returns what is known of an interface. The caller holds t.mu.
func (t *Tables) lower(ifindex int32) *lower {
	l := t.lowers[ifindex]
	if l == nil {
		l = new(lower)
		t.lowers[ifindex] = l
	}
	return l
}

// Uppers returns the owners of the frames that arrive on an interface, as SetUpper
// and DelUpper change them. They may be read at any time.
func (t *Tables) Uppers(ifindex int32) *Uppers {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &t.lower(ifindex).Uppers
}

// SetUpper makes the frames of a VLAN (IEEE 802.1Q; 0: those without a tag, and
// with one that says but a priority) that arrive on the interface lower those of
// the interface upper: a VLAN device, or the bond or bridge that lower is part of.
// Sessions are found, and packets counted, as if they had arrived there. Without it
// tagged frames are the kernel's, and others those of lower.
//
// It must be called again when the MAC of upper has changed, which is looked up in
// the network namespace of the calling thread.
func (t *Tables) SetUpper(lower int32, vlan uint16, upper int32) error {
	mac, err := hostMAC(int(upper))
	if err == nil {
		err = t.setUpper(lower, vlan, owner{ifindex: uint32(upper), mac: mac})
	}
	if err != nil {
		return fmt.Errorf("add frames of VLAN %d on interface %d to XDP: %w", vlan, lower, err)
	}
	return nil
}

func (t *Tables) setUpper(ifindex int32, vlan uint16, o owner) error {
	if vlan >= vlanIDs-1 { // 4095 is reserved
		return errors.New("no such VLAN")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lower(ifindex)
	before := l.Of(vlan)
	l.set(vlan, int32(o.ifindex)) // first: who reads the sockets must know what comes by them
	if vlan == 0 {
		l.over = o
		return l.tell()
	}
	if err := t.uppers.Put(tagKey{uint32(ifindex), uint32(vlan)}, o); err != nil {
		l.set(vlan, max(before, 0))
		return err
	}
	if before == Nobody {
		l.vlans++
	}
	return l.tell()
}

// DelUpper undoes SetUpper. Deleting what is not there is no error.
func (t *Tables) DelUpper(lower int32, vlan uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lower(lower)
	if upper := l.Of(vlan); upper == 0 || upper == Nobody {
		return nil
	}
	if vlan == 0 {
		l.over = owner{}
	} else {
		err := t.uppers.Delete(tagKey{uint32(lower), uint32(vlan)})
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete frames of VLAN %d on interface %d from XDP: %w", vlan, lower, err)
		}
		l.vlans--
	}
	err := l.tell()
	l.set(vlan, 0)
	return err
}

// SetIdle says whether an interface is a member that its bond does not use. What
// arrives there is left to the kernel, which drops it: a session over several hops is
// of no interface, so its packets would be taken.
func (t *Tables) SetIdle(ifindex int32, idle bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lower(ifindex)
	if l.idle == idle {
		return nil
	}
	l.idle = idle
	return l.tell()
}

// tell tells the interface's program, if there is one, what lies over it.
func (l *lower) tell() error {
	if l.program == nil {
		return nil
	}
	own := l.over
	if own.ifindex == 0 {
		own.mac = l.program.mac
	}
	err := errors.Join(l.program.objs.Untagged.Set(own), l.program.objs.Standing.Set(l.bits()))
	if err != nil {
		return fmt.Errorf("tell XDP program what lies over its interface: %w", err)
	}
	return nil
}

// enlist makes p the program of its interface. One that it comes in the place of knows
// already what the interface keeps from programs.
func (t *Tables) enlist(p *Program) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lower(int32(p.ifindex))
	if l.program != nil {
		p.lost = l.program.lost
	}
	l.program = p
	return l.tell()
}

// discharge undoes enlist, unless another program has come since.
func (t *Tables) discharge(p *Program) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lowers[int32(p.ifindex)]; l != nil && l.program == p {
		l.program = nil
	}
}

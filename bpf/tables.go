package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/xbfd/xbfd/packet"
)

// peerKey and localKey have the layouts of struct peer_key and struct local_key
// in src/match.h.
type localKey struct {
	ifindex uint32
	local   packet.Addr
}

type peerKey struct {
	ifindex     uint32
	local, peer packet.Addr
}

// Tables tells the programs which frames are ours. One Tables serves the
// interfaces of one engine and must outlive their Programs.
type Tables struct {
	peers, locals, discrs *ebpf.Map

	mu       sync.Mutex
	sessions map[peerKey]struct{}
	users    map[localKey]int // sessions per local address
}

// NewTables makes the tables, with room for maxSessions sessions. It needs
// CAP_BPF and CAP_NET_ADMIN.
func NewTables(maxSessions int) (_ *Tables, err error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raise locked-memory limit: %w", err)
	}
	spec, err := loadXbfd()
	if err != nil {
		return nil, fmt.Errorf("read XDP object: %w", err)
	}
	t := &Tables{sessions: make(map[peerKey]struct{}), users: make(map[localKey]int)}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	for name, m := range t.byName() {
		s := spec.Maps[name]
		s.MaxEntries = uint32(maxSessions)
		if *m, err = ebpf.NewMap(s); err != nil {
			return nil, fmt.Errorf("create BPF map %s: %w", name, err)
		}
	}
	return t, nil
}

func (t *Tables) byName() map[string]**ebpf.Map {
	return map[string]**ebpf.Map{xbfdMapPeers: &t.peers, xbfdMapLocals: &t.locals, xbfdMapDiscrs: &t.discrs}
}

// AddPeer makes the frames from peer to local that arrive on the interface
// ours. Adding what is there is no error.
func (t *Tables) AddPeer(ifindex int32, local, peer packet.Addr) error {
	pk, lk := keys(ifindex, local, peer)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.sessions[pk]; ok {
		return nil
	}
	if err := t.locals.Put(lk, uint8(1)); err != nil {
		return fmt.Errorf("add local address %s to XDP: %w", local.Netip(), err)
	}
	if err := t.peers.Put(pk, uint8(1)); err != nil {
		if t.users[lk] == 0 {
			err = errors.Join(err, t.locals.Delete(lk))
		}
		return fmt.Errorf("add peer %s to XDP: %w", peer.Netip(), err)
	}
	t.sessions[pk] = struct{}{}
	t.users[lk]++
	return nil
}

// DelPeer undoes AddPeer. Deleting what is not there is no error.
func (t *Tables) DelPeer(ifindex int32, local, peer packet.Addr) error {
	pk, lk := keys(ifindex, local, peer)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.sessions[pk]; !ok {
		return nil
	}
	delete(t.sessions, pk)
	err := t.peers.Delete(pk)
	if t.users[lk]--; t.users[lk] == 0 {
		delete(t.users, lk)
		err = errors.Join(err, t.locals.Delete(lk))
	}
	if err != nil {
		return fmt.Errorf("delete peer %s from XDP: %w", peer.Netip(), err)
	}
	return nil
}

// AddDiscr makes the frames ours whose Your Discriminator is discr and whose
// destination is a local address of a session on the interface of arrival.
func (t *Tables) AddDiscr(discr uint32) error {
	if discr == 0 {
		return errors.New("add discriminator to XDP: 0 is no discriminator")
	}
	if err := t.discrs.Put(discrKey(discr), uint8(1)); err != nil {
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
	var errs []error
	for _, m := range t.byName() {
		errs = append(errs, (*m).Close())
	}
	return errors.Join(errs...)
}

func keys(ifindex int32, local, peer packet.Addr) (peerKey, localKey) {
	return peerKey{uint32(ifindex), local, peer}, localKey{uint32(ifindex), local}
}

func discrKey(discr uint32) (k [4]byte) {
	binary.BigEndian.PutUint32(k[:], discr)
	return k
}

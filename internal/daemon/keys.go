package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// heldKey is a key of the pool and who brought it.
type heldKey struct {
	config.AuthKey
	owner   string
	dropped bool // gone from the file; it goes when its last session has let go of it
}

// putKey adds a key to the pool or changes one that is not in use. d.mu is held,
// as in all of this file but for the Backend's methods.
func (d *Daemon) putKey(k config.AuthKey, owner string) error {
	if have := d.keys[k.ID]; have == nil || !have.Same(k) {
		if err := d.speaker.Engine().SetKey(k.ID, k.Method, k.Secret); err != nil {
			return err
		}
	}
	d.keys[k.ID] = &heldKey{AuthKey: k, owner: owner}
	return nil
}

// uses returns how many sessions use each key, or may still be using it.
func (d *Daemon) uses() map[uint32]int {
	uses := make(map[uint32]int)
	for _, k := range d.speaker.Engine().Keys() {
		uses[k.ID] = k.Uses
	}
	return uses
}

// checkKeys refuses a configuration that would change a key in use, or take one
// away from sessions that go on using it.
func (d *Daemon) checkKeys(next config.Config, removed, changed []config.Peer) error {
	uses := d.uses()
	kept := make(map[uint32]bool)
	for _, k := range next.Keys {
		kept[k.ID] = true
		if have := d.keys[k.ID]; have != nil && !have.Same(k) && uses[k.ID] > 0 {
			return control.Errorf(control.CodeInUse, "%s:%d: key %d is in use (%d) and cannot be changed: "+
				"add a key with a new id, move its sessions to that one, and remove this one afterwards", next.File, k.Line, k.ID, uses[k.ID])
		}
	}
	after := make(map[config.Key]config.Auth) // what else sessions will use
	for _, p := range removed {
		if h := d.byKey.Get(p.Key()); h != nil && len(h.wants) == 1 && h.owner() == ownerFile {
			after[p.Key()] = config.Auth{}
		}
	}
	for _, p := range changed {
		after[p.Key()] = p.Auth
	}
	for h := range d.byKey.All() {
		auth, moves := after[h.peer.Key()]
		if !moves {
			auth = h.peer.Auth
		}
		if k := d.keys[auth.Key]; auth.On && !kept[auth.Key] && k != nil && k.owner == ownerFile {
			return control.Errorf(control.CodeInUse, "key %d is not in %s any more, but the session with peer %v (owner %s) uses it: "+
				"move that to another key first", auth.Key, next.File, h.peer.Peer, h.owner())
		}
	}
	return nil
}

// dropKeys marks the file's keys that another configuration has no more.
func (d *Daemon) dropKeys(next config.Config) {
	kept := make(map[uint32]bool)
	for _, k := range next.Keys {
		kept[k.ID] = true
	}
	for id, k := range d.keys {
		if k.owner == ownerFile && !kept[id] {
			k.dropped = true
		}
	}
	d.sweepKeys()
}

// sweepKeys deletes the dropped keys that no session holds any more: those of
// sessions that take their leave or wait for their peer to change are held.
func (d *Daemon) sweepKeys() {
	for id, k := range d.keys {
		if k.dropped && !errors.Is(d.speaker.Engine().DeleteKey(id), engine.ErrKeyInUse) {
			delete(d.keys, id)
		}
	}
}

// knownKey refuses authentication by a key that is not there, or on its way out.
func (d *Daemon) knownKey(a config.Auth) error {
	if k := d.keys[a.Key]; a.On && (k == nil || k.dropped) {
		return &control.Error{Code: control.CodeInvalid, Field: "key", Message: control.NoKey(a.Key).Error()}
	}
	return nil
}

// Keys returns the pool.
func (d *Daemon) Keys(context.Context) ([]control.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	uses := d.uses()
	var list []control.Key
	for id, k := range d.keys {
		list = append(list, k.describe(uses[id]))
	}
	return list, nil
}

func (k *heldKey) describe(uses int) control.Key {
	return control.Key{ID: k.ID, Type: config.KeyTypeName(k.Method), Owner: k.owner, Uses: uses}
}

// SetKey adds a key of the API's, or changes one that is not in use.
func (d *Daemon) SetKey(ctx context.Context, id uint32, spec control.KeySpec) (control.Key, error) {
	k := config.AuthKey{ID: id, Method: spec.Method, Secret: spec.Secret}
	err := d.ownKey(ctx, id, func() error {
		err := d.speaker.Engine().SetKey(k.ID, k.Method, k.Secret)
		if err == nil {
			d.keys[id] = &heldKey{AuthKey: k, owner: ownerAPI}
		}
		return err
	})
	if err != nil {
		return control.Key{}, err
	}
	return (&heldKey{AuthKey: k, owner: ownerAPI}).describe(0), nil
}

// DeleteKey removes a key of the API's that is not in use.
func (d *Daemon) DeleteKey(ctx context.Context, id uint32) error {
	return d.ownKey(ctx, id, func() error {
		if d.keys[id] == nil {
			return control.NoKey(id)
		}
		err := d.speaker.Engine().DeleteKey(id)
		if err == nil {
			delete(d.keys, id)
		}
		return err
	})
}

// A key counts as used until the word has come from the worker that a session
// has let go of it; settled says how often, and how long, that is waited for.
const (
	settleTries = 20
	settlePause = 5 * time.Millisecond
)

// ownKey does something to a key that is the API's, or nobody's yet.
func (d *Daemon) ownKey(ctx context.Context, id uint32, do func() error) error {
	try := func() (again bool, err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if k := d.keys[id]; k != nil && k.owner != ownerAPI {
			return false, control.Errorf(control.CodeNotOwner, "key %d belongs to the %s: change it there and reload", id, k.owner)
		}
		if err = do(); errors.Is(err, engine.ErrKeyInUse) {
			return !d.wanted(id), control.Errorf(control.CodeInUse, "key %d is in use (%d): move its sessions to another key first", id, d.uses()[id])
		}
		return false, err
	}
	for n := 1; ; n++ {
		again, err := try()
		if !again || n == settleTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settlePause):
		}
	}
}

// wanted tells whether a session is to use a key, or may be waiting to leave it.
func (d *Daemon) wanted(id uint32) bool {
	for h := range d.byDiscr.All() {
		if h.armed || h.peer.Auth.On && h.peer.Auth.Key == id {
			return true
		}
	}
	return false
}

// setKeys fills the pool at the start and before a reload's sessions change.
func (d *Daemon) setKeys(cfg config.Config) error {
	for _, k := range cfg.Keys {
		if err := d.putKey(k, ownerFile); err != nil {
			return fmt.Errorf("%s:%d: %w", cfg.File, k.Line, err)
		}
	}
	return nil
}

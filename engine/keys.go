package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

var (
	// ErrKeyInUse says that sessions use a key, or will after a delayed change.
	ErrKeyInUse = errors.New("key is in use")
	// ErrKeyUnknown says that the pool has no such key.
	ErrKeyUnknown = errors.New("no such key")
)

// maxKeys is what a session's 16-bit key number can name.
const maxKeys = 1 << 16

// Auth asks for authentication by a key of the pool. The zero Auth asks for
// none.
type Auth struct {
	On    bool
	Key   uint32 // the operator's number of the key
	KeyID uint8  // the BFD key id, the same at both ends
}

// Key is a key of the pool, without its secret.
type Key struct {
	ID     uint32
	Method packet.AuthMethod
	Uses   int // sessions that use it, or will after a delayed change
}

// pooled is a key with its place in the workers' slabs.
type pooled struct {
	Key
	at uint16
}

// SetKey adds a key to the pool or changes one that no session uses. It fails with
// ErrKeyInUse, when the pool is full, and for a secret that the method cannot have:
// one of 1 to AuthType.MaxSecret bytes it can.
func (e *Engine) SetKey(id uint32, m packet.AuthMethod, secret packet.Secret) error {
	n := m.Type.MaxSecret()
	switch {
	case n == 0:
		return fmt.Errorf("key %d: no authentication type has number %d", id, m.Type)
	case m.HMAC && !m.Type.SHA1():
		return fmt.Errorf("key %d: only SHA1 digests can be an HMAC", id)
	case secret.Len() < 1 || secret.Len() > n:
		return fmt.Errorf("key %d: the secret has %d bytes, must be 1 to %d", id, secret.Len(), n)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.keys[id]
	switch {
	case k != nil && k.Uses > 0:
		return fmt.Errorf("key %d: %w by %d sessions", id, ErrKeyInUse, k.Uses)
	case k == nil && len(e.keys) == maxKeys:
		return fmt.Errorf("key %d: there are %d keys already, and no room for more: delete one that is not used", id, maxKeys)
	case k == nil:
		k = &pooled{at: e.freeKey()}
		e.keys[id] = k
	}
	k.Key = Key{ID: id, Method: m}
	at, key := int(k.at), authKey{id: id, method: m, secret: secret}
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) {
			if at >= len(w.keys) {
				w.keys = append(w.keys, make([]authKey, at+1-len(w.keys))...)
			}
			w.keys[at] = key
		})
	}
	return nil
}

// freeKey returns a place in the slabs that no key has.
func (e *Engine) freeKey() uint16 {
	taken := make(map[uint16]bool, len(e.keys))
	for _, k := range e.keys {
		taken[k.at] = true
	}
	at := uint16(0)
	for taken[at] {
		at++
	}
	return at
}

// DeleteKey removes a key that no session uses. It fails with ErrKeyInUse and
// ErrKeyUnknown.
func (e *Engine) DeleteKey(id uint32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.keys[id]
	if k == nil {
		return fmt.Errorf("key %d: %w", id, ErrKeyUnknown)
	}
	if k.Uses > 0 {
		return fmt.Errorf("key %d: %w by %d sessions", id, ErrKeyInUse, k.Uses)
	}
	delete(e.keys, id)
	at := int(k.at)
	for i := range e.workers {
		e.post(i, func(w *Worker, _ session.Time) { w.keys[at] = authKey{} })
	}
	return nil
}

// Keys returns the pool, in no order.
func (e *Engine) Keys() []Key {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]Key, 0, len(e.keys))
	for _, k := range e.keys {
		list = append(list, k.Key)
	}
	return list
}

// SetAuth changes the authentication of a session. A delayed change waits for
// the peer: the old authentication stays in use until a packet with the new one
// is accepted, and an Event with AuthSwitched tells when. Any other change is in
// force at once. It fails with ErrKeyUnknown.
func (e *Engine) SetAuth(discr uint32, a Auth, delayed bool) error {
	var failed error
	err := e.with(discr, func(r *record) {
		var in session.Auth
		if in, failed = e.takeKey(a); failed != nil {
			return
		}
		r.holds = append(r.holds, in)
		r.authGen++
		gen := r.authGen
		e.post(r.worker, func(w *Worker, now session.Time) { w.setAuth(r.slot, in, delayed, gen, now) })
	})
	return errors.Join(err, failed)
}

// takeKey counts one more use of a's key and returns a as sessions know it.
func (e *Engine) takeKey(a Auth) (session.Auth, error) {
	if !a.On {
		return session.Auth{}, nil
	}
	k := e.keys[a.Key]
	if k == nil {
		return session.Auth{}, fmt.Errorf("key %d: %w", a.Key, ErrKeyUnknown)
	}
	k.Uses++
	return session.Auth{Type: k.Method.Type, KeyID: a.KeyID, Key: k.at}, nil
}

// giveKeys drops what a session holds, but for one use of each in keep.
func (e *Engine) giveKeys(r *record, keep ...session.Auth) {
	var kept []session.Auth
	for _, in := range r.holds {
		if slices.Contains(keep, in) && !slices.Contains(kept, in) {
			kept = append(kept, in)
			continue
		}
		for _, k := range e.keys {
			if in.Type != 0 && k.at == in.Key {
				k.Uses--
			}
		}
	}
	r.holds = kept
}

// authSettled takes the worker's word for what a session uses now. Until it has
// come, every key that the session may still use counts as used; a word from
// before the latest change is not the last.
func (e *Engine) authSettled(ev *Event) {
	if r := e.sessions[ev.Discr]; r != nil && ev.authGen == r.authGen {
		e.giveKeys(r, ev.authUse, ev.authNext)
	}
}

func (w *Worker) setAuth(i uint32, a session.Auth, delayed bool, gen uint32, now session.Time) {
	sl := &w.slots[i]
	sl.otherDigest, sl.authGen = false, gen
	w.apply(i, sl.session.SetAuth(now, a, delayed, &w.rng), now, evidence{})
	w.tellAuth(i)
}

// tellAuth makes the session's event say what authentication it uses now.
func (w *Worker) tellAuth(i uint32) *Event {
	sl := &w.slots[i]
	e := w.out.entry(i, sl.session.LocalDiscr(), sl.change.To)
	e.Change = sl.change
	e.authGen, e.authTold = sl.authGen, true
	var armed bool
	if e.authUse, e.authNext, armed = sl.session.Auth(); !armed {
		e.authNext = e.authUse
	}
	return e
}

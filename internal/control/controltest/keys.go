package controltest

import (
	"context"
	"maps"
	"slices"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// AddKey puts a key of owner "file" into the pool.
func (b *Backend) AddKey(id uint32, kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys[id] = control.Key{ID: id, Type: kind, Owner: "file"}
}

// Keys implements control.Backend.
func (b *Backend) Keys(ctx context.Context) ([]control.Key, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	list := slices.Collect(maps.Values(b.keys))
	for i := range list {
		list[i].Uses = b.uses(list[i].ID)
	}
	return list, nil
}

func (b *Backend) uses(id uint32) (n int) {
	for _, s := range b.sessions {
		if a := s.Auth; a != nil && (a.Type != "none" && a.Key == id || a.Pending != nil && a.Pending.Key == id) {
			n++
		}
	}
	return n
}

// SetKey implements control.Backend.
func (b *Backend) SetKey(ctx context.Context, id uint32, spec control.KeySpec) (control.Key, error) {
	if err := b.ready(ctx); err != nil {
		return control.Key{}, err
	}
	defer b.mu.Unlock()
	if err := b.mayChange(id); err != nil {
		return control.Key{}, err
	}
	b.keys[id] = control.Key{ID: id, Type: config.KeyTypeName(spec.Method), Owner: "api"}
	return b.keys[id], nil
}

// DeleteKey implements control.Backend.
func (b *Backend) DeleteKey(ctx context.Context, id uint32) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	if _, ok := b.keys[id]; !ok {
		return control.NoKey(id)
	}
	if err := b.mayChange(id); err != nil {
		return err
	}
	delete(b.keys, id)
	return nil
}

func (b *Backend) mayChange(id uint32) error {
	if b.keys[id].Owner == "file" {
		return control.Errorf(control.CodeNotOwner, "key %d belongs to the file: change it there", id)
	}
	if n := b.uses(id); n > 0 {
		return control.Errorf(control.CodeInUse, "key %d is in use by %d", id, n)
	}
	return nil
}

// SetAuth implements control.Backend. A delayed change stays pending.
func (b *Backend) SetAuth(ctx context.Context, id uint32, c control.AuthChange) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		a, err := control.ResolveAuthChange(c)
		if err == nil {
			err = b.known(a)
		}
		if err != nil {
			return err
		}
		switch {
		case !c.Delayed:
			s.Auth = b.auth(a, nil)
		case s.Auth == nil:
			s.Auth = b.auth(a, &control.SessionAuth{AuthUse: control.AuthUse{Type: "none"}})
		default:
			s.Auth = b.auth(a, s.Auth)
		}
		return nil
	})
}

func (b *Backend) known(a config.Auth) error {
	if _, ok := b.keys[a.Key]; a.On && !ok {
		return &control.Error{Code: control.CodeInvalid, Field: "key", Message: control.NoKey(a.Key).Error()}
	}
	return nil
}

// auth describes what is asked for, behind what is in use if that is given.
func (b *Backend) auth(a config.Auth, use *control.SessionAuth) *control.SessionAuth {
	next := control.AuthUse{Type: "none"}
	if a.On {
		next = control.AuthUse{Type: b.keys[a.Key].Type, Key: a.Key, KeyID: a.KeyID}
	}
	switch {
	case use != nil:
		return &control.SessionAuth{AuthUse: use.AuthUse, Pending: &next}
	case a.On:
		return &control.SessionAuth{AuthUse: next}
	}
	return nil
}

package controltest

import (
	"context"
	"slices"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// Poll implements control.Backend. The Poll never ends.
func (b *Backend) Poll(ctx context.Context, id uint32) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		if s.State != "up" {
			return control.Errorf(control.CodeUnavailable, "the session is %s: only one that is up can poll", s.State)
		}
		s.Poll = "active"
		return nil
	})
}

// Signal implements control.Backend.
func (b *Backend) Signal(ctx context.Context, id uint32, d packet.Diag) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		switch d {
		case packet.DiagForwardingReset:
			s.State = "down"
		case packet.DiagPathDown:
			s.State = "admin-down"
		case packet.DiagNone:
			if s.Diagnostic == packet.DiagPathDown.String() {
				s.State = "down"
			}
		}
		s.Diagnostic = d.String()
		return nil
	})
}

// SetClient implements control.Backend. Nothing but the list of clients changes.
func (b *Backend) SetClient(ctx context.Context, id uint32, name string, c control.ClientSpec) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		if _, err := control.Apply(c.SessionChange, asked(s)); err != nil {
			return err
		}
		added := client(name, s)
		added.ClientFlags = c.ClientFlags
		if c.HoldOff != nil {
			added.HoldOff = *c.HoldOff
		}
		s.Clients = append(slices.Clone(s.Clients), added)
		return nil
	})
}

// DeleteClient implements control.Backend.
func (b *Backend) DeleteClient(ctx context.Context, id uint32, name string) error {
	_, err := b.change(ctx, id, func(s *control.Session) error {
		i := slices.IndexFunc(s.Clients, func(c control.SessionClient) bool { return c.Name == name })
		if i < 0 {
			return control.Errorf(control.CodeNotFound, "the session with peer %v has no client %q", s.Peer, name)
		}
		s.Clients = slices.Delete(slices.Clone(s.Clients), i, i+1)
		return nil
	})
	return err
}

// EchoSource implements control.Backend.
func (b *Backend) EchoSource(ctx context.Context) (config.EchoSource, error) {
	if err := b.ready(ctx); err != nil {
		return config.EchoSource{}, err
	}
	defer b.mu.Unlock()
	return b.source, nil
}

// SetEchoSource implements control.Backend.
func (b *Backend) SetEchoSource(ctx context.Context, e config.EchoSource) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	b.source = e
	return nil
}

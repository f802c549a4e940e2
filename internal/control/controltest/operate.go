package controltest

import (
	"context"
	"encoding/json"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// Clear implements control.Backend.
func (b *Backend) Clear(ctx context.Context, id uint32, onlyPackets bool) (control.Session, error) {
	return b.change(ctx, id, func(s *control.Session) error {
		before := *s
		*s = cleared(before)
		if onlyPackets {
			s.Margin = before.Margin
			s.Counters.Up, s.Counters.Down, s.Counters.AdminDown = before.Counters.Up, before.Counters.Down, before.Counters.AdminDown
		}
		return nil
	})
}

func cleared(s control.Session) control.Session {
	s.Counters, s.Margin = control.Counters{RxDiscarded: map[string]uint64{}}, control.Margin{}
	return s
}

// ClearAll implements control.Backend.
func (b *Backend) ClearAll(ctx context.Context) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	for id, s := range b.sessions {
		b.sessions[id] = cleared(s)
	}
	return nil
}

// Totals implements control.Backend.
func (b *Backend) Totals(ctx context.Context) (control.Totals, error) {
	if err := b.ready(ctx); err != nil {
		return control.Totals{}, err
	}
	defer b.mu.Unlock()
	t := control.Totals{
		Since: When, RxDiscarded: map[string]uint64{"no_session": 5},
		Interfaces: []control.InterfaceCounters{{Name: "eth0", Counters: map[string]uint64{"heard": 8294, "steered": 7}}},
	}
	for _, s := range b.sessions {
		t.Sessions.Add(&s.Counters)
	}
	return t, nil
}

// Profiles implements control.Backend: there is the profile fast, whoever names
// another one.
func (b *Backend) Profiles(ctx context.Context) ([]control.Profile, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	fast := json.RawMessage(`{"transmit-interval":"10ms","receive-interval":"10ms","auth":{"key":1}}`)
	byName := map[string]*control.Profile{"fast": {Name: "fast", Defined: true, Settings: fast}}
	for _, s := range b.sessions {
		if s.Profile == "" {
			continue
		}
		if byName[s.Profile] == nil {
			byName[s.Profile] = &control.Profile{Name: s.Profile, Settings: json.RawMessage("{}")}
		}
		p := byName[s.Profile]
		p.Sessions = append(p.Sessions, control.ProfileUser{
			Peer: s.Peer, Local: s.Local, Interface: s.Interface, Owner: s.Owner, LocalDiscriminator: s.LocalDiscriminator,
		})
	}
	var list []control.Profile
	for _, p := range byName {
		list = append(list, *p)
	}
	return list, nil
}

// Config implements control.Backend: it is what SetConfig was given last.
func (b *Backend) Config(ctx context.Context) (config.Document, error) {
	if err := b.ready(ctx); err != nil {
		return config.Document{}, err
	}
	defer b.mu.Unlock()
	return b.config.Document(), nil
}

// SetConfig implements control.Backend. Sessions stay as they are; the answer is
// Report.
func (b *Backend) SetConfig(ctx context.Context, document []byte) (control.ReloadReport, error) {
	if err := b.ready(ctx); err != nil {
		return control.ReloadReport{}, err
	}
	defer b.mu.Unlock()
	c, err := config.ParseLive(document, "request", b.config.Keys)
	if err != nil {
		return control.ReloadReport{}, control.Refused(err)
	}
	b.config = c
	return b.Report, nil
}

// Debug implements control.Backend.
func (b *Backend) Debug(ctx context.Context) (control.Debug, error) {
	if err := b.ready(ctx); err != nil {
		return control.Debug{}, err
	}
	defer b.mu.Unlock()
	return b.debug, nil
}

// SetDebug implements control.Backend.
func (b *Backend) SetDebug(ctx context.Context, c control.DebugChange) (control.Debug, error) {
	if err := b.ready(ctx); err != nil {
		return control.Debug{}, err
	}
	defer b.mu.Unlock()
	for _, topic := range []struct {
		is   *bool
		want *bool
	}{{&b.debug.Peer, c.Peer}, {&b.debug.Network, c.Network}, {&b.debug.Events, c.Events}} {
		if topic.want != nil {
			*topic.is = *topic.want
		}
	}
	return b.debug, nil
}

package daemon

import (
	"context"
	"encoding/json"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// Profiles returns the profiles of the file, those that sessions only name, and
// who has which.
func (d *Daemon) Profiles(context.Context) ([]control.Profile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	users := make(map[string][]control.ProfileUser)
	use := func(p config.Peer, owner string, discr uint32) {
		if p.Profile != "" {
			users[p.Profile] = append(users[p.Profile], control.ProfileUser{
				Peer: p.Peer, Local: p.Local, Interface: p.Interface, Owner: owner, LocalDiscriminator: discr,
			})
		}
	}
	for h := range d.byKey.All() {
		use(*h.peer, h.owner(), h.discr)
	}
	for _, r := range d.refused {
		if d.byKey.Get(r.peer.Key()) == nil {
			use(r.peer, ownerFile, 0)
		}
	}
	var list []control.Profile
	for name, s := range d.cfg.Profiles {
		settings, err := json.Marshal(s.Document())
		if err != nil {
			return nil, err
		}
		list = append(list, control.Profile{Name: name, Defined: true, Settings: settings, Sessions: users[name]})
		delete(users, name)
	}
	for name, sessions := range users {
		list = append(list, control.Profile{Name: name, Settings: json.RawMessage("{}"), Sessions: sessions})
	}
	return list, nil
}

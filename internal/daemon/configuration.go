package daemon

import (
	"cmp"
	"context"
	"slices"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// Config returns what runs: the file as it was read last, or what took its place,
// with all that was changed and added since.
func (d *Daemon) Config(context.Context) (config.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cfg
	c.EchoSource, c.Keys, c.Peers = d.echoSource, d.pool(), d.asked()
	return c.Document(), nil
}

// pool returns the keys there are. d.mu is held, as in all of this file but for
// the Backend's methods.
func (d *Daemon) pool() []config.AuthKey {
	keys := make([]config.AuthKey, 0, len(d.keys))
	for _, k := range d.keys {
		if !k.dropped {
			keys = append(keys, k.AuthKey)
		}
	}
	slices.SortFunc(keys, func(a, b config.AuthKey) int { return cmp.Compare(a.ID, b.ID) })
	return keys
}

// asked returns what the operator asks for: the file's sessions in its order, and
// those of the API.
func (d *Daemon) asked() []config.Peer {
	list := make([]config.Peer, 0, d.byKey.Len())
	inFile := make(map[config.Key]bool, len(d.cfg.Peers))
	for _, p := range d.cfg.Peers {
		inFile[p.Key()] = true
		if h := d.byKey.Get(p.Key()); h != nil && h.operator() != nil {
			p = *h.operator().peer
		}
		list = append(list, p)
	}
	file := len(list)
	for h := range d.byKey.All() {
		if o := h.operator(); o != nil && !inFile[h.peer.Key()] {
			list = append(list, *o.peer)
		}
	}
	slices.SortFunc(list[file:], func(a, b config.Peer) int {
		return cmp.Or(a.Peer.Compare(b.Peer), a.Local.Compare(b.Local), cmp.Compare(a.Interface, b.Interface))
	})
	return list
}

// SetConfig takes the place of the file until that is read again.
func (d *Daemon) SetConfig(_ context.Context, document []byte) (control.ReloadReport, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := config.ParseLive(document, "request", d.pool())
	if err != nil {
		return control.ReloadReport{}, control.Refused(err)
	}
	if next.Hooks, err = config.MayKeep(d.cfg.Hooks, next.Hooks); err != nil {
		return control.ReloadReport{}, &control.Error{Code: control.CodeInvalid, Field: "hooks", Message: err.Error()}
	}
	report, err := d.become(next)
	if err != nil {
		return control.ReloadReport{}, err
	}
	d.logReport("another configuration, until the next reload", report)
	return report, nil
}

package scenario

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
)

// Every session of D has a client: a static route by way of the peer, which is
// withdrawn while the path is to be taken for broken. It has no other way to
// tell than BFD.
const routeOwner = "route"

func (d *device) addRoute() error {
	d.route = clients.Key{
		Peer: d.path.Peer.Netip(), Local: d.path.Local.Netip(), Interface: d.name,
		Multihop: d.spec.Params.Kind == session.Multihop,
	}
	change, err := d.bed.routes.Register(d.route, routeOwner, clients.Wish{Spec: d.spec, DependsOnlyOnBFD: true})
	d.withdrawn = change.View.Failed
	return err
}

// observe tells the route of an event of its session.
func (d *device) observe(ev *engine.Event) {
	for _, n := range d.bed.routes.Observe(d.route, clients.Transitions(ev)...) {
		d.withdrawn = n.View.Failed
	}
}

// route is what has become of the session's route.
func (q *query) route(name string) (seen, error) {
	if name != "is" {
		return seen{}, errUnknownName
	}
	if q.d.withdrawn {
		return word("withdrawn"), nil
	}
	return word("present"), nil
}

package daemon

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/routes"
)

// routeLines is how many changes of routes at a time have a line and an event each;
// more of one kind share one.
const routeLines = 10

// noteRoutes logs changes of routes and addresses, and makes events of them. d.mu is
// held.
func (d *Daemon) noteRoutes(changes []routes.Change) {
	count := make(map[string]int)
	for i := range changes {
		c := &changes[i]
		what := changeOf(c)
		if count[what]++; count[what] <= routeLines || len(changes) <= routeLines {
			d.noteRoute(c, what, 0)
		}
	}
	for i := range changes { // the last of a kind stands for the rest
		c := &changes[i]
		if what := changeOf(c); count[what] > routeLines && len(changes) > routeLines {
			d.noteRoute(c, what, count[what]-routeLines)
			delete(count, what)
		}
	}
}

// changeOf names a change: route-added, route-changed, address-removed and so on.
func changeOf(c *routes.Change) string {
	switch {
	case c.Object.Route():
		return "route-" + c.Verb.String()
	case c.Object.ID != 0:
		return "nexthop-group-" + c.Verb.String()
	}
	return "address-" + c.Verb.String()
}

func (d *Daemon) noteRoute(c *routes.Change, what string, more int) {
	text := c.Object.Describe()
	if more > 0 {
		text = fmt.Sprintf("%d more", more)
	}
	attrs := []any{"what", text}
	r := eventlog.Record{At: time.Now().UnixNano(), Kind: eventlog.Changed, Cause: what, By: ownerRoutes, Detail: text}
	if h := d.onPath(c.Cause.Session); h != nil {
		r = d.about(h, eventlog.Changed, what)
		r.By, r.Detail = ownerRoutes, text
		attrs = append(attrs, "session", h.discr, "peer", h.peer.Peer.String(), "state", c.Cause.State.String())
		if after := c.After(); after > 0 {
			attrs = append(attrs, slog.Duration("after", after))
		}
	}
	d.events.Add(r)
	d.log.Info(what, attrs...)
}

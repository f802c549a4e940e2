package sim

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// NewHostOf returns a host whose engine is made by c. Its seed is the world's,
// and it wakes the host's threads, whatever c says of those.
func (w *World) NewHostOf(name string, c engine.Config) *Host {
	h := &Host{world: w, name: name}
	c.Seed, c.Wake = w.dice.Uint64(), func(i int) { h.threads[i].kick() }
	e, err := engine.New(c)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err)) // a scenario asked for what cannot be
	}
	h.Engine = e
	for i, worker := range e.Workers() {
		h.threads = append(h.threads, &thread{
			host: h, worker: worker, index: i, name: fmt.Sprintf("%s/%d", name, i),
			due: session.Never, promised: session.Never,
		})
	}
	return h
}

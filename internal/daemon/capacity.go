package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/packet"
)

// refusal is a session of the file that is not as it is written there, because
// the workers could not serve it. It is tried again until they can.
type refusal struct {
	peer   config.Peer
	reason string
}

// tooMuch returns err in the words of the API if it says that the workers cannot
// serve a session, else nil.
func tooMuch(err error) *control.Error {
	var load *engine.LoadError
	if !errors.As(err, &load) {
		return nil
	}
	return &control.Error{Code: control.CodeCapacity, Message: load.Error()}
}

// refuse notes that p of the file has to wait for capacity, if that is what err
// says. d.mu is held, as in all of this file.
func (d *Daemon) refuse(p config.Peer, err error) bool {
	if tooMuch(err) == nil {
		return false
	}
	if _, known := d.refused[p.Key()]; !known {
		d.log.Warn("session waits for capacity", "peer", p.Peer.String(), "ifname", p.Interface, "reason", err.Error())
	}
	d.refused[p.Key()] = refusal{p, err.Error()}
	return true
}

// retryRefused tries again what was refused, in the order of the file: somebody
// else may have left.
func (d *Daemon) retryRefused() {
	for _, r := range d.refusals() {
		switch err := d.ensure(&r.peer); {
		case err == nil:
			delete(d.refused, r.peer.Key())
			d.log.Info("session admitted", "peer", r.peer.Peer.String(), "ifname", r.peer.Interface)
		case !d.refuse(r.peer, err):
			d.log.Error("admit session", "peer", r.peer.Peer.String(), "err", err)
		}
	}
}

func (d *Daemon) refusals() []refusal {
	if len(d.refused) == 0 {
		return nil // as each second: nothing is to be made for that
	}
	return slices.SortedFunc(maps.Values(d.refused), func(a, b refusal) int { return cmp.Compare(a.peer.Line, b.peer.Line) })
}

// refusedSessions are those that do not run at all, as far as there is anything
// to say of them.
func (d *Daemon) refusedSessions(f control.Filter) (list []control.Session) {
	for _, r := range d.refusals() {
		if d.byKey.Get(r.peer.Key()) != nil {
			continue // it runs as before
		}
		if s := unborn(r.peer, r.reason); f.Match(&s) {
			list = append(list, s)
		}
	}
	return list
}

// unborn is a session that the engine does not have.
func unborn(p config.Peer, reason string) control.Session {
	st := engine.Status{
		Params: params(p), DSCP: p.DSCP, MinTTL: p.MinTTL, Strict: p.Strict,
		State: packet.Down, Remote: session.Remote{State: packet.Down}, Heard: engine.HeardNoPath,
	}
	s := control.Session{
		Owner: ownerFile, Path: reason,
		Echo: describeEcho(&st, &speaker.Path{}), FastPath: describeFastPath(&st, &speaker.Path{}, "auto"),
	}
	describePeer(&s, p)
	describeStatus(&s, &st)
	return s
}

// capacityWarnings says how many sessions are not as the file has them.
func (d *Daemon) capacityWarnings() []string {
	list := d.refusals()
	if len(list) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("sessions that wait for capacity: %d; the first is that with %v: %s",
		len(list), list[0].peer.Peer, list[0].reason)}
}

package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// want is what one owner asks of a session. Several may share one, and the
// strictest of what they ask for is what it is (RFC 5882 §2).
type want struct {
	owner string
	peer  *config.Peer // never changed: most are the configuration's own
	flags control.ClientFlags
	cpi   bool    // the owner may go and the session stay
	own   *chosen // the API's where there is a profile; nil otherwise
}

func (w want) wish() clients.Wish {
	s := spec(*w.peer)
	s.Params.CPI = w.cpi
	return clients.Wish{
		Spec: s, HoldOff: int64(w.peer.HoldOff) * session.Microsecond,
		DependsOnlyOnBFD: w.flags.DependsOnlyOnBFD, AssumeCapable: w.flags.AssumeCapable,
	}
}

func path(p config.Peer) clients.Key {
	return clients.Key{Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF, Multihop: p.Multihop}
}

// at returns where h keeps what an owner asks for, -1 if that asks for nothing.
func (h *held) at(owner string) int {
	return slices.IndexFunc(h.wants, func(w want) bool { return w.owner == owner })
}

// put changes what is asked for at a place of wants.
func (h *held) put(i int, w want) {
	h.wants[i] = w
	h.peer = h.wants[0].peer
}

// owner is whoever was there first.
func (h *held) owner() string { return h.wants[0].owner }

// operator returns what the file or else the API asks for, nil where only
// clients are left.
func (h *held) operator() *want {
	for _, owner := range []string{ownerFile, ownerAPI} {
		if i := h.at(owner); i >= 0 {
			return &h.wants[i]
		}
	}
	return nil
}

// chief is whose wishes change when nobody says whose: the API's if it has some.
func (h *held) chief() string {
	if h.at(ownerAPI) >= 0 {
		return ownerAPI
	}
	return h.owner()
}

// register makes a session be as w and the other owners say, and creates it
// where there is none. With an error nothing has changed. d.mu is held, as in
// all of this file.
func (d *Daemon) register(w want) (*held, error) {
	h := d.byKey.Get(w.peer.Key())
	if h != nil {
		w = h.obey(w)
	}
	c, err := d.book.Register(path(*w.peer), w.owner, w.wish())
	if err != nil {
		return nil, inAPIWords(err)
	}
	if h == nil {
		h, err = d.create(w.peer, c.Spec)
	} else {
		err = d.carry(h, c)
	}
	if err != nil {
		d.undo(w)
		return nil, err
	}
	if i := h.at(w.owner); i >= 0 {
		h.put(i, w)
	} else {
		h.wants = append(h.wants, w)
	}
	d.recordWish(h, c, w.owner)
	for _, o := range slices.Clone(h.wants) {
		if *h.obey(o).peer != *o.peer {
			if _, err := d.register(o); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

// obey returns w with what the operator says of being down, which holds for all:
// no client keeps a session up against that.
func (h *held) obey(w want) want {
	if o := h.operator(); o != nil && w.owner != ownerFile && w.owner != ownerAPI {
		p := *w.peer
		p.Shutdown, p.HoldDown = o.peer.Shutdown, o.peer.HoldDown
		w.peer = &p
	}
	return w
}

// undo takes back what register asked of the book.
func (d *Daemon) undo(w want) {
	if h := d.byKey.Get(w.peer.Key()); h != nil {
		if i := h.at(w.owner); i >= 0 {
			// It was there before, so nothing speaks against it now.
			_, _ = d.book.Register(path(*w.peer), w.owner, h.wants[i].wish())
			return
		}
	}
	d.book.Unregister(path(*w.peer), w.owner)
}

// lends is who has a session that the file takes over: the API, or else routes;
// "" for neither.
func (h *held) lends() string {
	for _, owner := range []string{ownerAPI, ownerRoutes} {
		if h.at(ownerFile) < 0 && h.at(owner) >= 0 {
			return owner
		}
	}
	return ""
}

// hand gives what another owner asks of a session to the file, which may then ask
// for something else.
func (d *Daemon) hand(h *held, owner string) error {
	i := h.at(owner)
	w := h.wants[i]
	w.owner = ownerFile
	if _, err := d.book.Register(path(*w.peer), ownerFile, w.wish()); err != nil {
		return inAPIWords(err)
	}
	d.book.Unregister(path(*w.peer), owner)
	h.put(i, w)
	return nil
}

// create makes a session that nobody had.
func (d *Daemon) create(p *config.Peer, s engine.Spec) (*held, error) {
	discr, err := d.speaker.Add(target(*p), s)
	if err != nil {
		return nil, err
	}
	h := &held{peer: p, discr: discr, ifname: p.Interface, times: times{created: secondsOf(time.Now())}}
	d.debugPeer.Debug("session created", "session", discr, "peer", p.Peer.String(), "ifname", p.Interface, "profile", p.Profile)
	d.byKey.Put(h)
	d.byDiscr.Put(h)
	d.moves++
	if p.Unaffiliated {
		d.unaffiliated++
	}
	return h, nil
}

// carry makes a session be as its owners say now; nothing flaps, but for a
// shutdown. That is why another authentication waits for the peer's while the
// session is up.
func (d *Daemon) carry(h *held, c clients.Change) error {
	if c.Do != clients.Configure {
		return nil
	}
	was, is := c.Was, c.Spec
	d.debugPeer.Debug("session configured", "session", h.discr, "peer", h.peer.Peer.String(), "ifname", h.ifname, "was", was, "is", is)
	if was.Params != is.Params {
		if err := d.speaker.Configure(h.discr, is.Params); err != nil {
			return err // an engine that cannot serve it leaves all as it was
		}
	}
	if was.DSCP != is.DSCP {
		if err := d.speaker.Engine().SetDSCP(h.discr, is.DSCP); err != nil {
			return err
		}
	}
	if was.MinTTL != is.MinTTL || was.Strict != is.Strict {
		if err := d.speaker.SetChecks(h.discr, is.MinTTL, is.Strict); err != nil {
			return err
		}
	}
	if was.Auth != is.Auth {
		return d.authenticate(h, config.Auth(is.Auth), h.up)
	}
	return nil
}

// release ends what an owner asks of a session, and with the last one the
// session.
func (d *Daemon) release(h *held, owner string) error {
	i := h.at(owner)
	if i < 0 {
		return nil
	}
	c := d.book.Unregister(path(*h.peer), owner)
	if c.Do == clients.Remove {
		d.remove(h)
		return nil
	}
	h.wants = slices.Delete(h.wants, i, i+1)
	h.peer = h.wants[0].peer
	d.recordWish(h, c, owner)
	return d.carry(h, c)
}

// inAPIWords names the errors of a Book and of the engine that a client can do
// something about: another one rules it out, or has removed the session meanwhile.
func inAPIWords(err error) error {
	var conflict *clients.ConflictError
	if errors.As(err, &conflict) {
		return &control.Error{Code: control.CodeConflict, Message: conflict.Error()}
	}
	if errors.Is(err, engine.ErrUnknown) {
		return &control.Error{Code: control.CodeNotFound, Message: "the session has just been removed"}
	}
	return err
}

// expireHolds tells owners of failures that have lasted as long as they wanted.
func (d *Daemon) expireHolds() {
	notices := d.book.Expire(session.Time(wire.Now()))
	changes := d.tellRoutes(notices)
	d.tell(notices)
	d.noteRoutes(changes)
}

// awaitHolds has expireHolds called when the next failure that is held back is due.
func (d *Daemon) awaitHolds() {
	due := d.book.Deadline()
	if due == session.Never {
		return
	}
	wait := time.Duration(due - session.Time(wire.Now()))
	if d.holds != nil {
		d.holds.Reset(wait)
		return
	}
	d.holds = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.expireHolds()
		d.awaitHolds()
	})
}

func (d *Daemon) tell(notices []clients.Notice) {
	debug := d.debugEvents.Enabled(context.Background(), slog.LevelDebug)
	for i := range notices {
		n := &notices[i]
		d.recordNotice(n)
		d.tellGoBGP(n)
		if !debug {
			continue
		}
		d.debugEvents.Debug("client told", "client", n.Owner, "peer", n.Key.Peer.String(), "ifname", n.Key.Interface,
			"what", n.Kind.String(), "state", n.View.State.String())
	}
}

// describeClients shows the owners of a session and how it looks to each.
func (d *Daemon) describeClients(h *held) []control.SessionClient {
	d.expireHolds()
	var list []control.SessionClient
	for _, c := range d.book.Clients(path(*h.peer)) {
		list = append(list, control.SessionClient{
			Name: c.Owner, State: c.View.State.String(), Administrative: c.View.Admin, Failed: c.View.Failed,
			AdjacencyAllowed: c.View.AdjacencyAllowed, HoldOff: uint32(c.Wish.HoldOff / session.Microsecond),
			ClientFlags: control.ClientFlags{DependsOnlyOnBFD: c.Wish.DependsOnlyOnBFD, AssumeCapable: c.Wish.AssumeCapable},
		})
	}
	return list
}

// chosen are the settings that somebody chose for a session that has a profile,
// which supplies the rest.
type chosen struct{ config.Settings }

// with returns c with what more is chosen; nil, for a session without a profile
// to follow, stays nil.
func (c *chosen) with(more config.Settings) *chosen {
	if c == nil {
		return nil
	}
	return &chosen{more.Over(c.Settings)}
}

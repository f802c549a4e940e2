package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// SetAuth changes the authentication of a session, whoever made it. A session of
// the file is as the file says again when its entry there changes.
func (d *Daemon) SetAuth(ctx context.Context, id uint32, c control.AuthChange) (control.Session, error) {
	if err := d.setAuth(id, c); err != nil {
		return control.Session{}, err
	}
	return d.Session(ctx, id)
}

func (d *Daemon) setAuth(id uint32, c control.AuthChange) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	a, err := control.ResolveAuthChange(c)
	if err != nil {
		return err
	}
	if err := d.knownKey(a); err != nil {
		return err
	}
	// The book first: those who share a session authenticate alike.
	i := h.at(h.chief())
	w := h.wants[i]
	w.peer = w.peer.Authenticated(a)
	w.own = w.own.with(config.Settings{Auth: &a})
	if _, err := d.book.Register(path(*w.peer), w.owner, w.wish()); err != nil {
		return inAPIWords(err)
	}
	if err := d.authenticate(h, a, c.Delayed); err != nil {
		d.undo(w)
		return err
	}
	h.put(i, w)
	return nil
}

// authenticate makes a session authenticate as a says. d.mu is held.
func (d *Daemon) authenticate(h *held, a config.Auth, delayed bool) error {
	if err := d.speaker.Engine().SetAuth(h.discr, engine.Auth(a), delayed); err != nil {
		return err
	}
	w := h.wants[0]
	w.peer = w.peer.Authenticated(a)
	h.put(0, w)
	h.armed, h.digestTold = delayed, false
	return nil
}

// describeAuth fills in how a session authenticates. d.mu is held.
func (d *Daemon) describeAuth(st *engine.Status) *control.SessionAuth {
	if !st.Auth.Use.On && !st.Auth.Armed {
		return nil
	}
	a := &control.SessionAuth{AuthUse: d.describeUse(st.Auth.Use), PeerDigest: d.peerDigest(st)}
	if st.Auth.Armed {
		next := d.describeUse(st.Auth.Next)
		a.Pending = &next
	}
	return a
}

func (d *Daemon) describeUse(a engine.Auth) control.AuthUse {
	k := d.keys[a.Key]
	if !a.On || k == nil {
		return control.AuthUse{Type: config.KeyTypeName(packet.AuthMethod{})}
	}
	return control.AuthUse{Type: config.KeyTypeName(k.Method), Key: a.Key, KeyID: a.KeyID}
}

// peerDigest names the way in which the peer makes its digests when that is the
// one that does not fit ours. A session that is up has got over it.
func (d *Daemon) peerDigest(st *engine.Status) string {
	if !st.Auth.OtherDigest || st.State == packet.Up && !st.Auth.Armed {
		return ""
	}
	hmac := st.Auth.Method.HMAC
	if k := d.keys[st.Auth.Next.Key]; st.Auth.Armed && st.Auth.Next.On && k != nil {
		hmac = k.Method.HMAC
	}
	if hmac {
		return "rfc"
	}
	return "hmac"
}

// digestAdvice says what to do about a peer's digest.
func digestAdvice(peerDigest string) string {
	if peerDigest == "hmac" {
		return "the peer has the key but makes HMAC-SHA1 digests, as FRR does: use a key of type frr-hmac-sha1 here, and one that is not meticulous there"
	}
	return "the peer has the key but makes digests as RFC 5880 says: use a key of type keyed-sha1"
}

// checkDigests logs, once for each authentication that a session is given, that
// its peer makes the other kind of digest. It asks only when there are sessions
// that this can be the matter with.
func (d *Daemon) checkDigests(ctx context.Context) {
	if !d.digestDoubt() {
		return
	}
	all, err := d.speaker.Engine().Statuses(ctx, nil)
	if err != nil {
		return // the daemon is stopping
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range all {
		h := d.byDiscr.Get(all[i].Discr)
		if h == nil || h.digestTold {
			continue
		}
		h.armed = all[i].Auth.Armed
		if digest := d.peerDigest(&all[i]); digest != "" {
			h.digestTold = true
			d.log.Warn("digests differ", "session", h.discr, "peer", h.peer.Peer.String(), "ifname", h.ifname,
				"peer-digest", digest, "advice", digestAdvice(digest))
		}
	}
}

// digestDoubt tells whether a session with SHA1 is not up, or waits to change.
func (d *Daemon) digestDoubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for h := range d.byKey.All() {
		k := d.keys[h.peer.Auth.Key]
		if h.peer.Auth.On && k != nil && sha1(k.Method) && !h.digestTold && (!h.up || h.armed) {
			return true
		}
	}
	return false
}

func sha1(m packet.AuthMethod) bool {
	return m.Type == packet.AuthKeyedSHA1 || m.Type == packet.AuthMeticulousSHA1
}

// authSwitched notes that a delayed change has happened. d.mu is held.
func (d *Daemon) authSwitched(h *held) {
	h.armed = false
	use := d.describeUse(engine.Auth(h.peer.Auth))
	d.log.Info("authentication switched", slog.Uint64("session", uint64(h.discr)), slog.String("peer", h.peer.Peer.String()),
		slog.String("ifname", h.ifname), slog.String("type", use.Type), slog.Uint64("key", uint64(use.Key)))
}

// waitingForPeers warns of sessions of a reload that go on as they were until
// their peers are changed too.
func waitingForPeers(n int) string {
	return fmt.Sprintf("sessions that are up and change their authentication when their peers use the new one: %d", n)
}

package daemon

import (
	"context"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// Poll asks a session's peer for an answer now.
func (d *Daemon) Poll(ctx context.Context, id uint32) (control.Session, error) {
	s, err := d.Session(ctx, id)
	switch {
	case err != nil:
		return s, err
	case s.Unaffiliated:
		return s, control.Errorf(control.CodeInvalid, "the session hears only its own packets: there is nobody to answer a poll")
	case s.State != packet.Up.String():
		return s, control.Errorf(control.CodeUnavailable, "the session is %s: only one that is up can poll", s.State)
	}
	if err := d.speaker.Engine().Poll(id); err != nil {
		return s, inAPIWords(err)
	}
	return d.Session(ctx, id)
}

// Signal sets a diagnostic on a session, whoever made it, with what it entails.
func (d *Daemon) Signal(ctx context.Context, id uint32, diag packet.Diag) (control.Session, error) {
	if err := d.signal(id, diag); err != nil {
		return control.Session{}, err
	}
	return d.Session(ctx, id)
}

func (d *Daemon) signal(id uint32, diag packet.Diag) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.find(id)
	if err != nil {
		return err
	}
	if kind(*h.peer) == session.Unaffiliated && diag != packet.DiagForwardingReset && diag != packet.DiagNone {
		return &control.Error{Code: control.CodeInvalid, Field: "diagnostic",
			Message: "the session hears only its own packets: there is nobody to tell of " + diag.String()}
	}
	if err := d.speaker.Engine().Signal(id, diag); err != nil {
		return err
	}
	d.log.Info("diagnostic signalled", "session", id, "peer", h.peer.Peer.String(), "ifname", h.ifname, "diag", diag.String())
	return nil
}

// EchoSource returns where Echo packets come from.
func (d *Daemon) EchoSource(context.Context) (config.EchoSource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.echoSource, nil
}

// SetEchoSource changes where Echo packets come from, until a reload whose file
// says something else than it did.
func (d *Daemon) SetEchoSource(_ context.Context, e config.EchoSource) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setEchoSource(e)
	return nil
}

// setEchoSource is SetEchoSource for whoever holds d.mu.
func (d *Daemon) setEchoSource(e config.EchoSource) {
	if e == d.echoSource {
		return
	}
	d.echoSource = e
	source := netlinkmon.EchoSource{Interface: e.Interface}
	for _, a := range []packet.Addr{packet.AddrFrom(e.IPv4), packet.AddrFrom(e.IPv6)} {
		if a != (packet.Addr{}) {
			source.Addresses = append(source.Addresses, a.Netip())
		}
	}
	d.speaker.SetEchoSource(source)
	d.log.Info("echo source", "interface", e.Interface, "addresses", source.Addresses)
}

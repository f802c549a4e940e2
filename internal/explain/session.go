package explain

import (
	"net/netip"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/packet"
)

// Session is what must be known of a session to judge its frames.
type Session struct {
	Peer, Local netip.Addr // Local may be unknown
	Interface   string     // may be unknown
	VRF         string     // empty or default: that of Interface, if a session tells it
	Discr       uint32     // 0 when there is only a configuration
	Params      session.Params
	State       packet.State
	Remote      packet.State // what the peer said last
	RemoteDiscr uint32       // 0 while it has said nothing
	RemoteTx    uint32       // its Desired Min TX in us
	RemoteMult  uint8
	MinTTL      uint8 // multihop
	Strict      bool
	Loops       bool // the peer may have its Echo packets looped
	Auth        Auth
	Pending     *Auth  // what follows once the peer uses it; nil when nothing waits
	Expected    []byte // the frame that the XDP program hears, nil when it hears none
}

// Auth is how a session authenticates.
type Auth struct {
	On     bool
	Method packet.AuthMethod
	KeyID  uint8
	Secret *packet.Secret // nil when only the daemon knows it
}

// OfDaemon returns a running session as the API describes it.
func OfDaemon(s *client.Session) Session {
	e := Session{
		Peer: s.Peer, Local: s.Local, Interface: s.Interface, VRF: s.VRF, Discr: s.LocalDiscriminator,
		State: state(s.State), Remote: state(s.RemoteState), RemoteDiscr: s.RemoteDiscriminator,
		RemoteTx: s.RemoteDesiredMinTx, RemoteMult: s.RemoteDetectMult,
		MinTTL: s.MinTTL, Strict: s.Strict, Loops: s.Echo.RxInterval != 0 && !s.Multihop && !s.Unaffiliated,
		Params: session.Params{
			DesiredMinTx: s.DesiredMinTx, RequiredMinRx: s.RequiredMinRx, DetectMult: s.DetectMult,
			Kind: kind(s.Multihop, s.Unaffiliated), HoldDown: s.HoldDown, AdminDown: s.State == packet.AdminDown.String(),
		},
	}
	if s.Auth != nil {
		e.Auth = authOf(s.Auth.AuthUse)
		if s.Auth.Pending != nil {
			next := authOf(*s.Auth.Pending)
			e.Pending = &next
		}
	}
	return e
}

func authOf(u client.AuthUse) Auth {
	method, on := config.KeyType(u.Type)
	return Auth{On: on, Method: method, KeyID: u.KeyID}
}

// OfFile returns the sessions of a configuration, as they are before anything was
// heard.
func OfFile(cfg config.Config) (list []Session) {
	for _, p := range cfg.Peers {
		s := Session{
			Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF, State: packet.Down, Remote: packet.Down,
			MinTTL: p.MinTTL, Strict: p.Strict, Loops: p.EchoRx != 0,
			Params: session.Params{
				DesiredMinTx: p.DesiredMinTx, RequiredMinRx: p.RequiredMinRx, DetectMult: p.DetectMult,
				Kind: kind(p.Multihop, p.Unaffiliated), HoldDown: p.HoldDown, AdminDown: p.Shutdown,
			},
		}
		if p.Shutdown {
			s.State = packet.AdminDown
		}
		for i := range cfg.Keys {
			if k := &cfg.Keys[i]; p.Auth.On && k.ID == p.Auth.Key {
				s.Auth = Auth{On: true, Method: k.Method, KeyID: p.Auth.KeyID, Secret: &k.Secret}
			}
		}
		list = append(list, s)
	}
	return list
}

func kind(multihop, unaffiliated bool) session.Kind {
	switch {
	case multihop:
		return session.Multihop
	case unaffiliated:
		return session.Unaffiliated
	}
	return session.SingleHop
}

func state(name string) packet.State {
	for _, s := range []packet.State{packet.Down, packet.Init, packet.Up} {
		if s.String() == name {
			return s
		}
	}
	return packet.AdminDown
}

// ref names a session.
func (s *Session) ref() *SessionRef {
	return &SessionRef{Peer: s.Peer, Local: s.Local, Interface: s.Interface, Discr: s.Discr, State: s.State.String()}
}

package speaker

import (
	"net/netip"
	"sort"
	"time"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/netlinkmon"
)

// InterfaceStatus is what is to be known of an open interface.
type InterfaceStatus struct {
	Name, Transport, Reason, Stamp string
	VRF                            string        // "" is the default one
	UDP                            string        // why there is no UDP path, "" if there is
	Unheard                        string        // why its XDP program hears nothing by itself, "" if it does
	Insurance                      string        // how it is answered for a worker that stands still
	Uninsured                      string        // why it is not, "" if it is
	NoLive                         string        // why large batches do not leave as live frames, "" if they do
	Steering                       string        // whether its card steers frames to one queue: "off", "queue N" or why not
	Rings                          int           // AF_XDP rings, one for each queue; 0 without AF_XDP
	Lowers                         []LowerStatus // where the frames travel of one that is made of others
	Counters                       map[string]uint64

	Asked    string    // the transport that was asked for: auto, xdp, xdp-generic or udp
	Since    time.Time // when the present one was taken
	Cause    string    // why it was changed last, "" if it never was
	Switches int       // how often it was
	Trouble  string    // why what was asked for is not had any more, "" if it is
}

// Interfaces returns the open interfaces by name.
func (s *Speaker) Interfaces() []InterfaceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []InterfaceStatus
	for _, f := range s.ifaces {
		c := s.carrier(f).wire
		st := InterfaceStatus{
			Name: f.name, VRF: f.vrf, Stamp: c.Stamp(), UDP: f.wire.UDPStatus(), Rings: f.wire.Rings(),
			Steering: f.wire.Steering(), Lowers: s.describe(f), Counters: f.wire.Counters(),
			Asked: f.way.asked, Since: f.way.since, Cause: f.way.cause, Switches: f.way.switches, Trouble: f.way.trouble,
		}
		st.Transport, st.Reason = s.transport(f)
		_, st.Unheard = c.Heard()
		st.Insurance, st.Uninsured = c.Insurance()
		if how, why := c.Transmit(); how != wire.TransmitLive {
			st.NoLive = why
		}
		list = append(list, st)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// LowerStatus is what is to be known of an interface below another.
type LowerStatus struct {
	Name, Transport string // the transport is "" where it is not open
	Active          bool   // the one above sends by it and takes what arrives there
	Via             bool   // frames of sessions leave by it
	Reason          string // why no ring takes its frames for the one above, "" if one does
}

// describe says how the frames of an interface travel below it; the caller holds
// s.mu.
func (s *Speaker) describe(f *iface) (list []LowerStatus) {
	for _, l := range f.below.lowers {
		st := LowerStatus{Name: l.Name, Active: l.Active, Via: l.Ifindex == f.below.via, Reason: l.fault}
		if o := s.ifaces[l.Ifindex]; o != nil {
			st.Transport, _ = o.wire.Transport()
		}
		list = append(list, st)
	}
	return list
}

// transport says how the frames of an interface travel and, for people, why not
// better. The caller is the path loop or holds s.mu, as for carrier.
func (s *Speaker) transport(f *iface) (name, reason string) {
	c := s.carrier(f)
	name, reason = c.wire.Transport()
	b := &f.below
	if b.want == nil {
		return name, reason
	}
	why := b.reason()
	switch {
	case c != f:
		reason = "by " + c.name + ", " + reason
	case !takesBelow(f.way.asked, b.want): // then it is the interface's own
	case why == "":
		reason = "UDP sockets: no member is active"
	default:
		reason, why = "UDP sockets: "+why, ""
	}
	if why != "" {
		reason += "; " + why
	}
	return name, b.want.Kind + ": " + reason
}

// carrier returns the interface whose ring sends the frames of f: itself, or one
// below it.
func (s *Speaker) carrier(f *iface) *iface {
	if c := s.ifaces[f.below.via]; c != nil {
		return c
	}
	return f
}

// Path is how a session's packets travel, for people and programs.
type Path struct {
	netlinkmon.Path
	Waiting         string // why nothing can be sent now, "" if it can
	Transport       string // xdp-zerocopy, xdp-native, xdp-generic, udp; "" while waiting
	TransportReason string
	Stamp           string // what arrival times are taken by: xdp, read or socket
	Ring            bool   // frames leave by an AF_XDP ring
	Live            bool   // large batches of them as live frames
	Unheard         string // why the interface hears nothing by itself, "" if it does
	Uninsured       string // why the interface answers nothing by itself, "" if it does
}

// Path returns the path of a session, the zero Path if there is no such session.
func (s *Speaker) Path(discr uint32) Path {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.sessions[discr]
	if e == nil {
		return Path{}
	}
	p := Path{Path: *e.path, Waiting: e.waiting()}
	if f := s.ifaces[e.path.Ifindex]; f != nil && e.set != nil {
		p.Transport, p.TransportReason = s.transport(f)
		i := s.carrier(f)
		p.Stamp = i.wire.Stamp()
		p.Ring = i.wire.Port(s.engine.WorkerOf(discr)).Ring()
		how, _ := i.wire.Transmit()
		p.Live = how == wire.TransmitLive
		_, p.Unheard = i.wire.Heard()
		_, p.Uninsured = i.wire.Insurance()
		if f := s.far[e.set.VRFIndex]; f != nil && e.want.kind == session.Multihop && f.wire.UDPStatus() != "" {
			p.TransportReason += "; " + f.wire.UDPStatus()
		}
	}
	return p
}

// Where returns the local address and the interface of a session's path, as far
// as there is one: what of Path takes no time.
func (s *Speaker) Where(discr uint32) (local netip.Addr, ifname string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.sessions[discr]; e != nil {
		local, ifname = e.path.Local, e.path.Interface
	}
	return local, ifname
}

// Waits returns how often a worker has waited, and how.
func (s *Speaker) Waits(worker int) wire.Waits { return s.loops[worker].Waits() }

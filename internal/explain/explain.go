package explain

import (
	"errors"
	"slices"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// Options make an Explainer.
type Options struct {
	Sessions []Session
	// Interface is where frames arrive that do not say it; empty looks for a session
	// that fits.
	Interface string
	// MAC returns the address of an interface; nil, or false, takes each frame for
	// one that is addressed to it.
	MAC func(ifname string) (packet.MAC, bool)
	// Lowers says, by name, by which interfaces the frames travel of VLAN devices and
	// bonds; what is not there takes its frames itself.
	Lowers map[string]*netlinkmon.Lowers
}

// Explainer explains frames. Close frees what it holds.
type Explainer struct {
	o        Options
	sessions []Session
	byDiscr  map[uint32]*Session
	vrfs     map[string]string // of interfaces; those in the default one have none
	worlds   map[string]*world
}

// New makes an Explainer.
func New(o Options) *Explainer {
	if o.MAC == nil {
		o.MAC = func(string) (packet.MAC, bool) { return packet.MAC{}, false }
	}
	e := &Explainer{o: o, sessions: slices.Clone(o.Sessions), byDiscr: make(map[uint32]*Session), worlds: make(map[string]*world)}
	e.findVRFs()
	for i := range e.sessions {
		if s := &e.sessions[i]; s.Discr != 0 {
			e.byDiscr[s.Discr] = s
		}
	}
	return e
}

// findVRFs learns from sessions that name a VRF which interfaces are in it, and gives
// the others those of their interfaces.
func (e *Explainer) findVRFs() {
	e.vrfs = make(map[string]string)
	for _, s := range e.sessions {
		if s.VRF != "" && s.VRF != config.DefaultVRF && s.Interface != "" {
			e.vrfs[s.Interface] = s.VRF
		}
	}
	for i := range e.sessions {
		if s := &e.sessions[i]; s.VRF == "" || s.VRF == config.DefaultVRF {
			s.VRF = e.vrfs[s.Interface]
		}
	}
}

// Complete gives sessions that do not know their own address the one to which a
// frame of their peer goes: the route that decides it is not asked here.
func Complete(sessions []Session, frames []Frame) {
	for i := range sessions {
		s := &sessions[i]
		for _, f := range frames {
			var d packet.Datagram
			packet.ParseEthernet(f.Data, &d)
			if !s.Local.IsValid() && d.Src == packet.AddrFrom(s.Peer.WithZone("")) {
				s.Local = d.Dst.Netip()
			}
		}
	}
}

// Program returns why the XDP program itself is not run, nil if it is.
func (e *Explainer) Program() error {
	for _, w := range e.worlds {
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// Explain says what would become of a frame.
func (e *Explainer) Explain(f Frame) Report {
	r := Report{Length: max(f.Length, len(f.Data)), Summary: summary(f.Data)}
	r.Interface, f.Data = e.above(e.arrivesAt(f), f.Data)
	w := e.worldOf(r.Interface)
	mac, known := e.o.MAC(r.Interface)
	if !known && len(f.Data) >= len(mac) {
		mac = packet.MAC(f.Data)
	}
	w.setMAC(mac)
	verdict, program := w.judge(f.Data)
	r.XDP = XDP{Verdict: verdict, Reason: xdpWords[verdict].reason, RFC: xdpWords[verdict].rfc, By: "rules"}
	if program {
		r.XDP.By = "program"
	}
	var s *Session
	r.Engine, s = e.afterXDP(verdict, f.Data, r.Interface)
	if s != nil {
		r.Session = s.ref()
	}
	r.Engine.Then, r.Engine.Unchecked = list(r.Engine.Then), list(r.Engine.Unchecked)
	return r
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// afterXDP is what the engine does with a frame on which the XDP program has
// decided.
func (e *Explainer) afterXDP(verdict string, b []byte, ifname string) (Engine, *Session) {
	v, s := e.engine(b, ifname)
	none := func(why string) (Engine, *Session) {
		return Engine{Verdict: verdictNotReached, Reason: why, RFC: xdpWords[verdict].rfc}, s
	}
	switch verdict {
	case "steered", "pass_no_socket":
		return v, s
	case "heard", "insured", "pass_to_tc":
		return Engine{Verdict: verdictHeard, Reason: "the engine reads the time when it judges silence", RFC: xdpWords[verdict].rfc}, s
	case "ttl":
		if v.Verdict != verdict {
			return none(xdpWords[verdict].reason) // the engine would find another fault first
		}
		return none(v.Reason)
	case "echo_looped":
		return none("it has left again")
	case "pass_foreign":
		if own := e.sentByUs(b); own != nil {
			s = own
			return Engine{Verdict: verdictNotReached, Reason: "this end sends it: what becomes of it is for the other end to say"}, s
		}
		v.Unchecked = append(v.Unchecked, "whether the kernel gives it to a socket of ours, as it does if the address is this host's")
		return v, s
	case "pass_vlan", "pass_options", "pass_fragment", "pass_extension":
		return none("the kernel has it; what it makes of it may come by the socket of the port, and is checked as any other")
	}
	return none(xdpWords[verdict].reason)
}

// arrivesAt returns the interface on which a frame is taken to arrive.
func (e *Explainer) arrivesAt(f Frame) string {
	if e.o.Interface != "" {
		return e.o.Interface
	}
	has := func(ok func(*Session) bool) string {
		for i := range e.sessions {
			if s := &e.sessions[i]; s.Interface != "" && ok(s) {
				return s.Interface
			}
		}
		return ""
	}
	if name := has(func(s *Session) bool { return s.Interface == f.Interface }); name != "" {
		return name
	}
	var d packet.Datagram
	packet.ParseEthernet(f.Data, &d)
	local := func(s *Session) bool { return packet.AddrFrom(s.Local.WithZone("")) == d.Dst }
	if name := has(func(s *Session) bool { return local(s) && packet.AddrFrom(s.Peer.WithZone("")) == d.Src }); name != "" {
		return name
	}
	if name := has(local); name != "" {
		return name
	}
	return has(func(*Session) bool { return true })
}

func (e *Explainer) worldOf(ifname string) *world {
	w := e.worlds[ifname]
	if w == nil {
		w = newWorld(e.sessions, ifname, e.vrfs[ifname])
		e.worlds[ifname] = w
	}
	return w
}

// Close frees what the kernel holds for it.
func (e *Explainer) Close() error {
	var errs []error
	for _, w := range e.worlds {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

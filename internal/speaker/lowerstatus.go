package speaker

// carrier returns the interface whose ring sends the frames of f: itself, or one
// below it. The caller holds s.mu.
func (s *Speaker) carrier(f *iface) *iface {
	if c := s.ifaces[f.below.via]; c != nil {
		return c
	}
	return f
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
// better; the caller holds s.mu.
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

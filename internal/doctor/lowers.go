package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// stacked says that an interface's frames are taken below it, if at all by XDP.
func (l *Link) stacked() bool { return l.Lowers != nil && !l.Lowers.Own }

// lowers says where frames are taken of VLAN devices and bonds, and which of the
// interfaces below cannot have that.
func lowers(h *Host) []Finding {
	return h.each("lowers", func(l *Link) (string, string) {
		u := l.Lowers
		switch {
		case u == nil || h.Want.transport(l.Name) == "udp":
			return "", ""
		case u.Own:
			return OK, fmt.Sprintf("%s: XDP works on the interface itself, not below it: %s", u.Kind, u.Reason)
		case u.Reason != "" && h.Want.transport(l.Name) == "xdp":
			return Fail, fmt.Sprintf("%s: %s, and transport: xdp wants more than the kernel's sockets: set transport: auto", u.Kind, u.Reason)
		case u.Reason != "":
			return Warn, fmt.Sprintf("%s: sessions run over UDP sockets: %s", u.Kind, u.Reason)
		}
		var names, without, active []string
		for _, m := range u.Members {
			if why := h.ringless(m.Name, m.Reason); why != "" {
				without = append(without, m.Name+": "+why)
			} else {
				names = append(names, m.Name)
			}
			if m.Active {
				active = append(active, m.Name)
			}
		}
		switch {
		case len(active) == 0:
			return Warn, fmt.Sprintf("%s: no member is active, so nothing can be sent: look at cable, carrier and the other end's bond", u.Kind)
		case without != nil:
			return Warn, fmt.Sprintf("%s: UDP sockets serve where the way leads by %s", u.Kind, strings.Join(without, "; "))
		}
		return OK, fmt.Sprintf("%s: XDP takes its frames on %s", u.Kind, strings.Join(names, ", "))
	})
}

// ringless says why frames of another interface cannot be taken on this one, "" if
// they can as far as is known.
func (h *Host) ringless(name, reason string) string {
	if reason != "" {
		return reason
	}
	if h.Want.transport(name) == "udp" {
		return "transport: udp is configured for it"
	}
	at := slices.IndexFunc(h.Links, func(l Link) bool { return l.Name == name })
	if at < 0 || h.Links[at].foreign() == nil {
		return ""
	}
	return h.Links[at].foreign().Error()
}

package doctor

import (
	"fmt"
	"strings"
)

// What a driver says of XDP (enum netdev_xdp_act in linux/netdev.h).
const (
	xdpBasic    = 1 << 0
	xdpRedirect = 1 << 1
	xdpZeroCopy = 1 << 3
)

// each runs a check on every link.
func (h *Host) each(check string, f func(l *Link) (verdict, text string)) []Finding {
	var list []Finding
	for i := range h.Links {
		if verdict, text := f(&h.Links[i]); verdict != "" {
			list = append(list, Finding{check, h.Links[i].Name, verdict, text})
		}
	}
	return list
}

// xdp says how packets would travel over each interface.
func xdp(h *Host) []Finding {
	const check = "xdp"
	if h.Missing != "" {
		return []Finding{{check, h.Missing, Fail, "there is no such interface in this network namespace: see ip link"}}
	}
	if len(h.Links) == 0 {
		return say(check, Warn, "there is no Ethernet interface that is up: sessions wait for theirs")
	}
	return h.each(check, func(l *Link) (string, string) {
		switch asked := h.Want.transport(l.Name); {
		case asked == "udp":
			return OK, "UDP sockets, as configured"
		case l.stacked():
			return "", "" // lowers says it
		case l.foreign() != nil:
			return "", "" // attached says it
		case l.Features == nil:
			return OK, fmt.Sprintf("this kernel does not say what driver %s can (Linux 6.3 does): xbfd tries zero copy, native and "+
				"generic XDP, and xbfd status shows which it is", l.Driver)
		case *l.Features&xdpBasic == 0 || *l.Features&xdpRedirect == 0:
			return Warn, fmt.Sprintf("driver %s has no native XDP: generic XDP works, at a higher price for each packet; another "+
				"driver or card has it", l.Driver)
		case asked == "xdp-generic":
			return OK, fmt.Sprintf("generic XDP, as configured; driver %s has native XDP", l.Driver)
		case *l.Features&xdpZeroCopy != 0:
			return OK, fmt.Sprintf("driver %s offers native XDP with zero copy", l.Driver)
		}
		return OK, fmt.Sprintf("driver %s offers native XDP, in copy mode: it has no zero copy", l.Driver)
	})
}

func (w *Want) transport(ifname string) string {
	if w.Transport == nil {
		return "auto"
	}
	return w.Transport(ifname)
}

// queues: xbfd opens them all, so it matters to nobody where RSS puts a packet.
func queues(h *Host) []Finding {
	return h.each("queues", func(l *Link) (string, string) {
		steering := "it has no ntuple filters"
		if l.NTuple {
			steering = "ntuple filters could steer BFD (UDP 3784, 3785, 4784) to one of them"
		}
		switch workers := max(len(h.Want.CPUs), 1); {
		case l.Rx == 0 || h.Want.transport(l.Name) == "udp" || l.stacked():
			return "", ""
		case l.Rx == 1:
			return OK, "one receive queue, so nothing has to be steered"
		case l.Rx < workers:
			return Warn, fmt.Sprintf("%d receive queues for %d workers: those without a queue of their own send by slower sockets; "+
				"set as many channels (ethtool -L %s combined %d)", l.Rx, workers, l.Name, workers)
		case l.Rx > 64:
			return Warn, fmt.Sprintf("%d receive queues, and each takes a ring: fewer save memory (ethtool -L %s combined 8)", l.Rx, l.Name)
		default:
			return OK, fmt.Sprintf("%d receive queues: xbfd opens them all, so RSS may spread packets as it likes; %s", l.Rx, steering)
		}
	})
}

// attached names XDP programs that are there already: two cannot share an
// interface.
func attached(h *Host) []Finding {
	return h.each("xdp-program", func(l *Link) (string, string) {
		busy := l.foreign()
		switch asked := h.Want.transport(l.Name); {
		case l.XDP == nil || asked == "udp":
			return "", ""
		case busy == nil:
			return OK, fmt.Sprintf("xbfd's own is attached (%s): a daemon runs", l.XDP.Program())
		case asked == "xdp" || asked == "xdp-generic":
			return Fail, fmt.Sprintf("%v, and transport: %s allows nothing else: %s, or set transport: auto", busy, asked, busy.Remedy(l.Name))
		default:
			return Warn, fmt.Sprintf("%v: xbfd leaves it there and uses UDP sockets until it is gone; for AF_XDP %s", busy, busy.Remedy(l.Name))
		}
	})
}

// ingress names programs at tc ingress, which see what XDP hands to insurance.
func ingress(h *Host) []Finding {
	return h.each("tc-ingress", func(l *Link) (string, string) {
		var others []string
		for _, p := range l.Ingress {
			if !p.ours() {
				others = append(others, p.String())
			}
		}
		if others == nil || h.Want.transport(l.Name) == "udp" {
			return "", ""
		}
		return Warn, fmt.Sprintf("other programs are at tc ingress (%s): they never see steered frames, and one that drops BFD "+
			"ahead of xbfd's keeps insurance from answering; fast-path.insurance: off does without", strings.Join(others, "; "))
	})
}

package controltest

import (
	"context"

	"github.com/xbfd/xbfd/internal/control"
)

// eth0 is the one interface there is.
func (b *Backend) eth0() control.InterfaceStatus {
	i := control.InterfaceStatus{
		Name: "eth0", VRF: "red", Transport: "xdp-native", TransportReason: "native XDP, copy mode: driver veth has no zero copy",
		TransportAsked: b.asked, TransportSince: When, Rings: 4, Steering: "off",
		Stamp: "xdp", Heard: "on", Insurance: "tcx", LiveTransmit: "as configured", UDP: "port 3784 is taken by bfdd (process 77)", Sessions: len(b.sessions),
		Lowers:   []control.LowerStatus{{Name: "p1", Transport: "xdp-native", Active: true, Via: true}, {Name: "p2", Reason: "UDP sockets, as configured"}},
		Counters: map[string]uint64{"heard": 8294, "steered": 7, "ttl": 2},
	}
	if b.asked != "auto" {
		i.TransportSwitches, i.TransportCause = 1, "asked for over the API"
	}
	if b.asked == "udp" {
		i.Transport, i.TransportReason, i.Stamp, i.Rings = "udp", "UDP sockets, as configured", "socket", 0
	}
	return i
}

// ChangeInterface implements control.Backend. There is no generic XDP.
func (b *Backend) ChangeInterface(ctx context.Context, ifname string, c control.InterfaceChange) (control.InterfaceStatus, error) {
	if err := b.ready(ctx); err != nil {
		return control.InterfaceStatus{}, err
	}
	defer b.mu.Unlock()
	switch {
	case ifname != "eth0":
		return control.InterfaceStatus{}, control.Errorf(control.CodeNotFound, "no session uses interface %q", ifname)
	case *c.Transport == "xdp-generic":
		return control.InterfaceStatus{}, control.Errorf(control.CodeUnavailable, "AF_XDP cannot be used: another XDP program is attached")
	}
	b.asked = *c.Transport
	return b.eth0(), nil
}

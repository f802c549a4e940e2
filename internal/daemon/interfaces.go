package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
)

// ChangeInterface changes the transport of an open interface, until a reload whose
// file has another for it, or the interface is opened anew.
func (d *Daemon) ChangeInterface(ctx context.Context, ifname string, c control.InterfaceChange) (control.InterfaceStatus, error) {
	err := d.speaker.Switch(ctx, ifname, *c.Transport, "asked for over the API")
	switch {
	case errors.Is(err, speaker.ErrNoInterface):
		return control.InterfaceStatus{}, control.Errorf(control.CodeNotFound, "%v", err)
	case err != nil:
		return control.InterfaceStatus{}, control.Errorf(control.CodeUnavailable, "%v", err)
	}
	count, err := d.census(ctx)
	if err != nil {
		return control.InterfaceStatus{}, err
	}
	for _, i := range d.speaker.Interfaces() {
		if i.Name == ifname {
			return describeInterface(&i, count.interfaces[ifname]), nil
		}
	}
	return control.InterfaceStatus{}, control.Errorf(control.CodeNotFound, "interface %s has just been closed", ifname)
}

func describeInterface(i *speaker.InterfaceStatus, sessions int) control.InterfaceStatus {
	lowers := make([]control.LowerStatus, len(i.Lowers))
	for n, l := range i.Lowers {
		lowers[n] = control.LowerStatus(l)
	}
	return control.InterfaceStatus{
		Name: i.Name, VRF: cmp.Or(i.VRF, config.DefaultVRF), Transport: i.Transport, TransportReason: i.Reason, Stamp: i.Stamp,
		TransportAsked: i.Asked, TransportSince: i.Since.UTC(), TransportCause: i.Cause, TransportSwitches: i.Switches, Rings: i.Rings, Steering: i.Steering,
		Heard: cmp.Or(i.Unheard, "on"), Insurance: cmp.Or(i.Uninsured, i.Insurance), LiveTransmit: cmp.Or(i.NoLive, "on"), UDP: cmp.Or(i.UDP, "open"), Sessions: sessions, Lowers: lowers, Counters: i.Counters,
	}
}

// interfaceWarnings say what an interface lacks that it was to have.
func interfaceWarnings(i *speaker.InterfaceStatus) (warnings []string) {
	if i.UDP != "" {
		warnings = append(warnings, "interface "+i.Name+": "+i.UDP)
	}
	if i.Steering != "off" && !strings.HasPrefix(i.Steering, "queue ") {
		warnings = append(warnings, fmt.Sprintf("interface %s: rx-queue: %s", i.Name, i.Steering))
	}
	if i.Trouble != "" {
		warnings = append(warnings, fmt.Sprintf("interface %s: transport %s was asked for, %s serves: %s", i.Name, i.Asked, i.Transport, i.Trouble))
	}
	return warnings
}

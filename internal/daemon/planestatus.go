package daemon

import (
	"fmt"
	"maps"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/dplane"
)

// describePlanes shows the connections to bfdd. d.mu is held, as in all of this
// file.
func (d *Daemon) describePlanes() []control.DataPlane {
	list := []control.DataPlane{}
	for _, k := range d.links {
		for _, p := range k.planes {
			list = append(list, p.describe())
		}
	}
	return list
}

func (p *plane) describe() control.DataPlane {
	v := control.DataPlane{
		Client: p.owner, Address: p.at.Address.String(), Mode: "listen", Connected: p.conn != nil, Since: p.since.UTC(),
		Hold: uint32(p.at.Hold.Milliseconds()), FD: -1, Sessions: len(p.sessions),
		Connections: p.connections, Errors: maps.Clone(p.errors), LastError: p.lastError,
	}
	if p.at.Connect {
		v.Mode = "connect"
	}
	for _, s := range p.sessions {
		if !s.claimed {
			v.Unclaimed++
		}
		if s.refused != "" {
			v.Refused++
		}
	}
	if p.conn != nil {
		f := p.conn.Figures()
		v.FD, v.In, v.Out = p.conn.FD(), carried(&f.In), carried(&f.Out)
	}
	return v
}

func carried(t *dplane.Traffic) control.DataPlaneTraffic {
	return control.DataPlaneTraffic{Bytes: t.Bytes, Messages: t.Messages, Peak: t.Peak, Waiting: t.Waiting, Full: t.Full}
}

// planeWarnings says what is not as bfdd wants it, and what it may not know.
func (d *Daemon) planeWarnings() (list []string) {
	for _, k := range d.links {
		for _, p := range k.planes {
			refused, reason := 0, ""
			for _, s := range p.sessions {
				if s.refused != "" {
					refused, reason = refused+1, fmt.Sprintf("the session with %v: %s", s.asked.Dst, s.refused)
				}
			}
			if refused > 0 {
				list = append(list, fmt.Sprintf("sessions that %s wants and does not get: %d; one is %s", p.owner, refused, reason))
			}
			if p.conn != nil && p.short() {
				list = append(list, fmt.Sprintf("%s handed over exactly %d sessions when it connected: FRR 10.7 and before loses the others, "+
					"which then nobody runs; start xbfd before bfdd reads its configuration", p.owner, handedOver))
			}
		}
	}
	return list
}

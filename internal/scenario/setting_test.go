package scenario

import (
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// The names of a session's settings, by what their values are.
var (
	intervals = map[string]func(*session.Params) *uint32{
		"tx":          func(p *session.Params) *uint32 { return &p.DesiredMinTx },
		"rx":          func(p *session.Params) *uint32 { return &p.RequiredMinRx },
		"echo":        func(p *session.Params) *uint32 { return &p.EchoTx },
		"echo-rx":     func(p *session.Params) *uint32 { return &p.EchoRx },
		"demand-poll": func(p *session.Params) *uint32 { return &p.DemandPoll },
		"ceiling":     func(p *session.Params) *uint32 { return &p.Ceiling },
	}
	switches = map[string]func(*device) *bool{
		"passive":   func(d *device) *bool { return &d.spec.Params.Passive },
		"hold-down": func(d *device) *bool { return &d.spec.Params.HoldDown },
		"demand":    func(d *device) *bool { return &d.spec.Params.Demand },
		"cpi":       func(d *device) *bool { return &d.spec.Params.CPI },
		"strict":    func(d *device) *bool { return &d.spec.Strict },
		"mac":       func(d *device) *bool { return &d.path.MACKnown },
		"p2p":       func(d *device) *bool { return &d.path.PointToPoint },
	}
	octets = map[string]func(*device) *uint8{
		"mult":    func(d *device) *uint8 { return &d.spec.Params.DetectMult },
		"dscp":    func(d *device) *uint8 { return &d.spec.DSCP },
		"min-ttl": func(d *device) *uint8 { return &d.spec.MinTTL },
		"host":    func(d *device) *uint8 { return &d.path.PeerMAC[5] }, // which host the peer's MAC is
	}
	addresses = map[string]func(*engine.Path) *packet.Addr{
		"local":       func(p *engine.Path) *packet.Addr { return &p.Local },
		"peer":        func(p *engine.Path) *packet.Addr { return &p.Peer },
		"echo-source": func(p *engine.Path) *packet.Addr { return &p.EchoSource },
	}
	kinds = map[string]session.Kind{
		"single-hop": session.SingleHop, "multihop": session.Multihop, "unaffiliated": session.Unaffiliated,
	}
)

// set changes settings without telling the engine.
func (d *device) set(args []arg) error {
	for _, a := range args {
		if err := d.setOne(a.name, a.value); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

func (d *device) setOne(name, value string) (err error) {
	if field := intervals[name]; field != nil {
		*field(&d.spec.Params), err = microseconds(value)
		return err
	}
	if field := switches[name]; field != nil {
		*field(d), err = onOff(value)
		return err
	}
	if field := octets[name]; field != nil {
		var n uint64
		n, err = integer(value, 8)
		*field(d) = uint8(n)
		return err
	}
	if field := addresses[name]; field != nil {
		*field(&d.path), err = address(value)
		return err
	}
	return d.setWord(name, value)
}

func (d *device) setWord(name, value string) error {
	var ok bool
	switch name {
	case "kind":
		if d.spec.Params.Kind, ok = kinds[value]; !ok {
			return fmt.Errorf("there is no kind %q", value)
		}
	case "admin":
		if d.spec.Params.AdminDown = value == "down"; value != "down" && value != "up" {
			return fmt.Errorf("%q is neither up nor down", value)
		}
	case "ip":
		return d.addresses(value)
	case "on":
		n, err := integer(value, 31)
		d.path.Ifindex, d.path.PeerMAC[5] = int32(n), byte(n)
		return err
	case "key":
		k, err := d.bed.key(value)
		if err != nil {
			return err
		}
		d.spec.Auth.On, d.spec.Auth.Key = true, k.number
	case "id":
		n, err := integer(value, 8)
		d.spec.Auth.KeyID = uint8(n)
		return err
	default:
		return fmt.Errorf("there is no such setting")
	}
	return nil
}

// address reads an IP address; none is the zero Addr.
func address(s string) (packet.Addr, error) {
	if s == "none" {
		return packet.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	return packet.AddrFrom(a), err
}

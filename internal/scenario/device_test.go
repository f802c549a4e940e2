package scenario

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// device is a session of D. What it can do:
//
//	D add                         when its line says later, or after remove
//	D remove [hold=1s]            hold=-1s: without a word to the peer
//	D set NAME=VALUE…             a change of configuration or of the path, one call
//	D path gone | D path back     the session's packets can, cannot leave
//	D auth key=K id=5 [delayed] | D auth off [delayed]
//	D polls                       starts a Poll Sequence
//	D signals diag=4              forwarding reset 4, path down 5, concatenated 6 and 8, 0 takes back
//	D stalls for=100ms            no thread of D runs
//
// and, on its line and with set, the names of the tables below.
type device struct {
	bed     *bed
	name    string
	spec    engine.Spec
	path    engine.Path
	later   bool
	pathway bool // it has a path
	discr   uint32

	route     clients.Key
	withdrawn bool // the route by way of the peer
}

var macD, macT = packet.MAC{2, 0, 0, 0, 0, 0xd}, packet.MAC{2, 0, 0, 0, 0, 0}

func (b *bed) addDevice(st *statement) error {
	d := &device{bed: b, name: st.who, pathway: true}
	d.spec.Params = session.Params{DesiredMinTx: 300_000, RequiredMinRx: 300_000, DetectMult: 3}
	if b.multihop {
		d.spec.Params.Kind = session.Multihop
	}
	d.path = engine.Path{Ifindex: 1, LocalMAC: macD, PeerMAC: macT, MACKnown: true}
	d.path.PeerMAC[5] = 1
	if err := d.addresses("4"); err != nil {
		return err
	}
	b.sessions[d.name] = d
	for _, w := range st.words {
		if w != "later" {
			return fmt.Errorf("%q is not understood", w)
		}
		d.later = true
	}
	return d.set(st.args)
}

// addresses gives the path the usual addresses of a family.
func (d *device) addresses(family string) error {
	local, peer := "192.0.2.1", "192.0.2.2"
	if family == "6" {
		local, peer = "2001:db8::1", "2001:db8::2"
	} else if family != "4" {
		return fmt.Errorf("there is no IP version %q", family)
	}
	d.path.Local, d.path.Peer = packet.AddrFrom(netip.MustParseAddr(local)), packet.AddrFrom(netip.MustParseAddr(peer))
	return nil
}

func (d *device) add() error {
	discr, err := d.bed.host.Engine.Add(d.spec)
	if err != nil {
		return err
	}
	d.discr = discr
	if err := d.addRoute(); err != nil {
		return err
	}
	if !d.pathway {
		return nil
	}
	return d.bed.host.Engine.SetPath(discr, d.toPath())
}

// toPath is the path as whoever found it would tell the engine: no MAC at all
// while the peer's is not known.
func (d *device) toPath() engine.Path {
	p := d.path
	if !p.MACKnown {
		p.LocalMAC, p.PeerMAC = packet.MAC{}, packet.MAC{}
	}
	return p
}

func (d *device) act(st *statement) error {
	e := d.bed.host.Engine
	switch st.verb {
	case "add":
		d.bed.refused = d.add()
	case "remove":
		hold, err := durationArg(st, "hold", 0)
		if err != nil {
			return err
		}
		d.bed.refused = e.Remove(d.discr, int64(hold))
	case "set":
		return d.change(st.args)
	case "path":
		return d.setPath(st.words)
	case "auth":
		return d.setAuth(st)
	case "stalls":
		pause, err := durationArg(st, "for", 0)
		d.bed.host.Stall(pause)
		return err
	case "polls":
		d.bed.refused = e.Poll(d.discr)
	case "signals":
		v, _ := st.take("diag")
		n, err := integer(v, 5)
		if err != nil {
			return err
		}
		d.bed.refused = e.Signal(d.discr, packet.Diag(n))
	default:
		return fmt.Errorf("D cannot %q", st.verb)
	}
	return st.leftOver()
}

// leftOver refuses what nobody took.
func (s *statement) leftOver() error {
	if len(s.args) > 0 {
		return fmt.Errorf("%q is not understood", s.args[0].name)
	}
	if len(s.words) > 0 {
		return fmt.Errorf("%q is not understood", s.words[0])
	}
	return nil
}

func durationArg(st *statement, name string, usual session.Time) (session.Time, error) {
	if v, ok := st.take(name); ok {
		return parseDuration(v)
	}
	return usual, nil
}

func (d *device) setPath(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "gone":
		d.pathway = false
		d.bed.refused = d.bed.host.Engine.ClearPath(d.discr)
	case len(words) == 1 && words[0] == "back":
		d.pathway = true
		d.bed.refused = d.bed.host.Engine.SetPath(d.discr, d.toPath())
	default:
		return fmt.Errorf("a path is gone or back")
	}
	return nil
}

func (d *device) setAuth(st *statement) error {
	off, delayed := false, false
	for _, w := range st.words {
		off, delayed = off || w == "off", delayed || w == "delayed"
	}
	st.words = nil
	var a engine.Auth
	if !off {
		if err := d.authArgs(st, &a); err != nil {
			return err
		}
	}
	d.bed.refused = d.bed.host.Engine.SetAuth(d.discr, a, delayed)
	return st.leftOver()
}

func (d *device) authArgs(st *statement, a *engine.Auth) error {
	name, _ := st.take("key")
	k, err := d.bed.key(name)
	if err != nil {
		return err
	}
	id, _ := st.take("id")
	n, err := strconv.ParseUint(id, 10, 8)
	*a = engine.Auth{On: true, Key: k.number, KeyID: uint8(n)}
	return err
}

// change is set on a session that runs: one call for all parameters, one for the
// path.
func (d *device) change(args []arg) error {
	before, path := d.spec, d.path
	if err := d.set(args); err != nil {
		return err
	}
	e := d.bed.host.Engine
	if d.spec.Params != before.Params {
		d.bed.refused = e.Configure(d.discr, d.spec.Params)
	}
	if d.spec.DSCP != before.DSCP && d.bed.refused == nil {
		d.bed.refused = e.SetDSCP(d.discr, d.spec.DSCP)
	}
	if d.path != path && d.pathway && d.bed.refused == nil {
		d.bed.refused = e.SetPath(d.discr, d.toPath())
	}
	if (d.spec.MinTTL != before.MinTTL || d.spec.Strict != before.Strict) && d.bed.refused == nil {
		d.bed.refused = e.SetChecks(d.discr, d.spec.MinTTL, d.spec.Strict)
	}
	return nil
}

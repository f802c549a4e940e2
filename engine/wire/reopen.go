package wire

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
)

// An open interface changes the way its frames travel in one step where its rings
// can stay (Keeps). The program is another one from one instant to the next, or a
// moment later, in which frames come by the sockets:
//
//	next := i.Climb(o)      another program, with the same rings
//	       engine.SwapPort to next's Ports, for each worker
//	       i.Release(next)  what next does without is closed
//
// Else it does so in steps between which its sockets serve alone, because a queue
// takes one AF_XDP socket only:
//
//	bare := i.Retire()      the XDP program is taken out: frames come by the sockets
//	       engine.SwapPort to bare's Ports, for each worker
//	       i.Release(bare)  the rings are closed
//	next := bare.Climb(o)   other rings and another program, beside the sockets
//	       engine.SwapPort to next's Ports

// Keeps reports whether the rings of i can go on under what o allows: an AF_XDP socket
// in copy mode does not mind in which mode a program is attached. What cards steer by
// is laid down anew, so that has to go first.
func (i *Interface) Keeps(o Options) bool {
	return i.program != nil && o.Transport != TransportUDP && i.steering == nil && o.SteerTo == 0 &&
		!i.queues[0].zeroCopy && (o.Transport == TransportGeneric || i.copyOnly != "")
}

// Retire takes the XDP program out of the interface and returns the interface as
// it is then: with the sockets alone, which from now on are its. What remains to i
// is closed by Release, not by Close. Where there is no program i itself is returned.
func (i *Interface) Retire() *Interface {
	if i.program == nil {
		return i
	}
	if err := i.program.Detach(); err != nil {
		i.options.Logger.Error("detach XDP program", "ifname", i.name, "err", err)
	}
	bare := i.successor(i.options)
	bare.transport, bare.reason = TransportUDP, "UDP sockets, until AF_XDP can be had"
	bare.insurance, bare.uninsured = InsuranceOff, "no XDP program"
	bare.transmit.how, bare.transmit.reason = transmitUDP, bare.reason
	bare.makePorts()
	return bare
}

// successor is an interface with the sockets of i and nothing else yet.
func (i *Interface) successor(o Options) *Interface {
	return &Interface{
		name: i.name, ifindex: i.ifindex, options: o,
		udp: i.udp, udpErr: i.udpErr, raw: i.raw, past: i.rings(nil), tags: i.tags, copyOnly: i.copyOnly,
	}
}

// Release closes what is left to i: its program, and the rings that heir, which came in
// its place, does not have. The workers must have let go of i's Ports.
func (i *Interface) Release(heir *Interface) error {
	errs := []error{i.steering.remove(i.options.Journal, i.name), i.transmit.close()}
	if i.program != nil {
		errs = append(errs, i.program.Close())
	}
	var stay []*queue
	if heir != nil {
		stay = heir.queues
	}
	errs = append(errs, i.closeQueues(stay))
	i.program = nil
	return errors.Join(errs...)
}

// May returns why i cannot have a transport, as far as that is known before
// anything is given up for it.
func (i *Interface) May(transport string) error {
	o := i.options
	o.Transport = transport
	err := o.validate()
	if err == nil && transport == TransportUDP {
		trial := &Interface{name: i.name, udp: i.udp, udpErr: i.udpErr}
		err = trial.openMissing()
		err = errors.Join(err, closeAll(trial.udp[len(i.udp):]))
	}
	if err != nil {
		return fmt.Errorf("change transport of %s: %w", i.name, err)
	}
	return nil
}

// Climb opens what o allows beside the sockets of i, which must be without AF_XDP
// unless it Keeps its rings, and returns the interface as it is then. Only its Ports
// and Close serve from now on, and Release of i. With an error, as those of Open, i
// stays as it was, but may have lost its program.
func (i *Interface) Climb(o Options) (_ *Interface, err error) {
	o = o.withDefaults()
	next := i.successor(o)
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("change transport of %s: %w", i.name, err)
	}
	if i.Keeps(o) {
		next.kept, next.before = i.queues, i.program
	}
	err = next.climb()
	if err == nil {
		err = next.openMissing()
	}
	if err == nil {
		next.past, next.kept = i.rings(next.queues), nil
		next.settle()
		err = next.direct()
	}
	if err != nil {
		return nil, fmt.Errorf("change transport of %s: %w", i.name, errors.Join(err, next.Release(i)))
	}
	return next, nil
}

// openMissing opens the receive sockets that another program has kept from us so
// far. Where there is nothing else to receive by they must be there.
func (i *Interface) openMissing() error {
	if i.udpErr == nil {
		return nil
	}
	opened := slices.Clone(i.udp)
	i.udpErr = nil
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if slices.ContainsFunc(i.udp, func(r *udpReader) bool { return r.v4 == (family == unix.AF_INET) }) {
			continue
		}
		r, err := i.openUDP(family)
		switch {
		case err == nil:
			opened = append(opened, r)
		case errors.Is(err, unix.EAFNOSUPPORT):
		case i.program == nil:
			return errors.Join(err, closeAll(opened[len(i.udp):]))
		case i.udpErr == nil:
			i.udpErr = err
		}
	}
	i.udp = opened
	return nil
}

// rings returns what has been counted of rings, but for some, and programs so far, so
// that counters go on where they were.
func (i *Interface) rings(but []*queue) map[string]uint64 {
	c := maps.Clone(i.past)
	if c == nil {
		c = make(map[string]uint64)
	}
	if i.program != nil {
		if verdicts, err := i.program.Verdicts(); err == nil {
			for name, n := range verdicts {
				c[name] += n
			}
		}
	}
	for _, q := range i.queues {
		if !slices.Contains(but, q) {
			q.addTo(c)
		}
	}
	for _, p := range i.ports {
		c["raw_tx_failed"] += p.raw.errors.Load()
	}
	i.transmit.addTo(c, i.ports)
	return c
}

// Stale says for people why the interface had better be opened anew, "" if it is
// as it was opened. It is called in the network namespace of Open.
func (i *Interface) Stale() string {
	switch {
	case i.program == nil && i.blocked != 0:
		switch there := bpf.Attached(i.ifindex); {
		case there == nil:
			return "the other XDP program is gone"
		case there.ID != i.blocked:
			return "the other XDP program has made room for another one"
		}
		return ""
	case i.program == nil:
		return ""
	}
	_ = i.FollowVLANs() // which tells
	if n := mtu(i.name); n > 0 && n < i.refused {
		return fmt.Sprintf("its MTU is %d now, and native XDP was refused at %d", n, i.refused)
	}
	if attached, err := i.program.Attached(); err == nil && !attached {
		return "somebody has detached its XDP program"
	}
	if slices.ContainsFunc(i.queues, func(q *queue) bool { return q.unbound() }) {
		return "it was elsewhere, and has lost its rings"
	}
	if n, err := rxQueues(i.name); err == nil && n != len(i.queues) {
		return fmt.Sprintf("it has %d receive queues now, and had %d", n, len(i.queues))
	}
	return ""
}

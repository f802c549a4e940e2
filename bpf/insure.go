package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Insurance says how the replies of lanes that are insured leave an interface.
type Insurance uint8

// The ways; the numbers are those of enum insurance in src/hear.h.
const (
	InsureOff Insurance = iota // not at all
	InsureTC                   // by a program at tc ingress: reaches every kind of peer, Linux 6.6
	InsureTX                   // by XDP_TX: cheaper, on veth only to a peer with native XDP
)

// ErrNoInsurance says that a kernel or program cannot insure.
var ErrNoInsurance = errors.New("no insurance")

// tc is the program at tc ingress. A link takes it away with the process, a hook
// does not.
type tc struct {
	Program *ebpf.Program `ebpf:"xbfd_tc"`
	link    link.Link
	hook    interface{ close() error } // a *hook
}

func (c *tc) attached() bool { return c.link != nil || c.hook != nil }

// Insure says how replies are sent; after Attach they are not. It is called in
// the network namespace of Attach, and not while another Insure or Close runs.
// The error is ErrNoInsurance when this kernel has no tc links, or the program
// hears nothing.
func (p *Program) Insure(how Insurance) error {
	if p.heard != nil && how != InsureOff {
		return fmt.Errorf("%w without hearing: %w", ErrNoInsurance, p.heard)
	}
	if how == InsureTC && !p.tc.attached() {
		if err := p.attachTC(); err != nil {
			return err
		}
	}
	if err := p.objs.Insurance.Set(uint8(how)); err != nil {
		return fmt.Errorf("tell XDP program how to insure: %w", err)
	}
	if how != InsureTC { // only now is nothing handed to it any more
		return p.tc.close()
	}
	return nil
}

func (p *Program) attachTC() (err error) {
	if err := p.loadTC(ebpf.AttachTCXIngress); err != nil {
		return fmt.Errorf("load tc program: %w", err)
	}
	p.tc.link, err = link.AttachTCX(link.TCXOptions{
		Interface: p.ifindex, Program: p.tc.Program, Attach: ebpf.AttachTCXIngress, Anchor: link.Head(),
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		err = fmt.Errorf("%w: %w", ErrNoInsurance, err)
	}
	return errors.Join(fmt.Errorf("attach tc program: %w", err), p.tc.close())
}

// loadTC loads the program for a link or, with AttachNone, for a filter, with the
// XDP program's counters.
func (p *Program) loadTC(to ebpf.AttachType) error {
	spec, shared, err := p.tables.loadSpec()
	if err != nil {
		return err
	}
	shared[xbfdMapVerdicts] = p.objs.Verdicts
	spec.Programs[xbfdProgXbfdTc].AttachType = to
	return spec.LoadAndAssign(&p.tc, &ebpf.CollectionOptions{MapReplacements: shared})
}

func (c *tc) close() error {
	var err error
	if c.link != nil {
		err = c.link.Close()
	}
	if c.hook != nil {
		err = errors.Join(err, c.hook.close())
	}
	err = errors.Join(err, c.Program.Close())
	*c = tc{}
	return err
}

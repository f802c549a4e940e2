package wire

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/bpf"
)

// Values of Options.Insurance, and of what Interface.Insurance tells.
const (
	InsuranceOff = "off" // no replies in the engine's place
	InsuranceTC  = "tc"  // by a program at tc ingress: reaches every kind of peer; tcx, or else clsact
	InsuranceXDP = "xdp" // by XDP_TX: cheaper; on veth only where the far end has a native XDP program

	InsuranceTCX    = "tcx"    // by a tc link (Linux 6.6), which goes with the process
	InsuranceClsact = "clsact" // by a tc filter, which does not: takes Options.Journal
)

var insurances = map[string]func(i *Interface) (how string, err error){
	"": nil, InsuranceOff: nil,
	InsuranceTC:     (*Interface).insureTC,
	InsuranceTCX:    (*Interface).insureTCX,
	InsuranceClsact: (*Interface).insureClsact,
	InsuranceXDP:    (*Interface).insureTX,
}

// insure sets up what the options ask for, or tells why it cannot be had:
// everything but the replies works without.
func (i *Interface) insure() {
	i.insurance, i.uninsured = InsuranceOff, "as configured"
	by := insurances[i.options.Insurance]
	if by == nil {
		return
	}
	if i.program == nil {
		i.uninsured = "no XDP program"
		return
	}
	how, err := by(i)
	if err != nil {
		i.uninsured = insuranceReason(err)
		return
	}
	i.insurance, i.uninsured = how, ""
}

// insureTC takes the way that leaves nothing behind where the kernel has it.
func (i *Interface) insureTC() (string, error) { return insureByEither(i.insureTCX, i.insureClsact) }

// insureByEither falls back where the kernel has no tc links, and for no other
// reason.
func insureByEither(link, filter func() (string, error)) (string, error) {
	how, err := link()
	if !lacksTCX(err) {
		return how, err
	}
	how, filterErr := filter()
	if filterErr != nil {
		return "", fmt.Errorf("%w; %w", err, filterErr)
	}
	return how, nil
}

func (i *Interface) insureTCX() (string, error) {
	return InsuranceTCX, i.program.Insure(bpf.InsureTC)
}

func (i *Interface) insureClsact() (string, error) {
	return InsuranceClsact, i.program.InsureByFilter(i.options.Journal)
}

func (i *Interface) insureTX() (string, error) {
	return InsuranceXDP, i.program.Insure(bpf.InsureTX)
}

func lacksTCX(err error) bool {
	return errors.Is(err, bpf.ErrNoInsurance) && errors.Is(err, ebpf.ErrNotSupported)
}

func insuranceReason(err error) string {
	if lacksTCX(err) {
		return fmt.Sprintf("links at tc ingress take Linux 6.6 (%v)", err)
	}
	return reason(err)
}

// Insurance returns "tcx", "clsact", "xdp" or "off", and for people why it is off.
func (i *Interface) Insurance() (how, reason string) { return i.insurance, i.uninsured }

// Heard reports whether the XDP program hears what the lanes of Options.Tables
// expect, and for people why not.
func (i *Interface) Heard() (on bool, reason string) {
	if i.program == nil {
		return false, "no XDP program"
	}
	if err := i.program.Heard(); err != nil {
		return false, err.Error()
	}
	return true, ""
}

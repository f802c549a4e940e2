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
	InsuranceTC  = "tc"  // by a program at tc ingress: reaches every kind of peer, Linux 6.6
	InsuranceXDP = "xdp" // by XDP_TX: cheaper; on veth only where the far end has a native XDP program
)

var insurances = map[string]bpf.Insurance{
	"": bpf.InsureOff, InsuranceOff: bpf.InsureOff, InsuranceTC: bpf.InsureTC, InsuranceXDP: bpf.InsureTX,
}

// insure sets up what the options ask for, or tells why it cannot be had:
// everything but the replies works without.
func (i *Interface) insure() {
	i.insurance, i.uninsured = InsuranceOff, "as configured"
	how := insurances[i.options.Insurance]
	if how == bpf.InsureOff {
		return
	}
	if i.program == nil {
		i.uninsured = "no XDP program"
		return
	}
	if err := i.program.Insure(how); err != nil {
		i.uninsured = insuranceReason(err)
		return
	}
	i.insurance, i.uninsured = i.options.Insurance, ""
}

func insuranceReason(err error) string {
	if errors.Is(err, bpf.ErrNoInsurance) && errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Sprintf("links at tc ingress take Linux 6.6 (%v)", err)
	}
	return reason(err)
}

// Insurance returns "tc", "xdp" or "off", and for people why it is off.
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

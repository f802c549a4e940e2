package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Names of a peer's fields, as the file spells them and as Faults name them.
const (
	fieldPeer       = "peer"
	fieldLocal      = "local-address"
	fieldInterface  = "interface"
	fieldVRF        = "vrf"
	fieldProfile    = "profile"
	fieldTx         = "transmit-interval"
	fieldRx         = "receive-interval"
	fieldDetectMult = "detect-multiplier"
	fieldPassive    = "passive-mode"
	fieldShutdown   = "shutdown"
	fieldDSCP       = "dscp"

	fieldMultihop     = "multihop"
	fieldUnaffiliated = "unaffiliated-echo"
	fieldMinTTL       = "minimum-ttl"
	fieldStrict       = "strict-interface"
	fieldEcho         = "echo-mode"
	fieldEchoTx       = "echo-transmit-interval"
	fieldEchoRx       = "echo-receive-interval"
	fieldDemand       = "demand-mode"
	fieldDemandPoll   = "demand-poll-interval"
	fieldHoldDown     = "hold-down"
	fieldHoldOff      = "hold-off"
	fieldCeiling      = "congestion-ceiling"
)

// minTx is the shortest interval that a peer may be promised: below it the
// time to send one packet is no longer small against the interval.
const minTx = 100 // microseconds

const maxDSCP = 63

// Fault is something wrong with one value: which field (by its name in the
// file), what is wrong with it, and what to do.
type Fault struct {
	Field, Text string
}

func (f Fault) Error() string { return f.Field + ": " + f.Text }

func faultf(field, format string, args ...any) Fault {
	return Fault{field, fmt.Sprintf(format, args...)}
}

// Check returns what is wrong with the values that are set, each by itself.
func (s Settings) Check() []Fault {
	var faults []Fault
	add := func(field, format string, args ...any) {
		faults = append(faults, faultf(field, format, args...))
	}
	if or(s.DesiredMinTx, DefaultInterval) == 0 {
		// RFC 5880 §4.1: the value zero is reserved.
		add(fieldTx, "0 is reserved by the protocol: set %s or more, or shut the session down to silence it",
			FormatInterval(minTx))
	}
	if s.EchoTx != nil && *s.EchoTx == 0 {
		add(fieldEchoTx, "0 is no interval: set %s or more, or echo-mode: false to send no echo", FormatInterval(minTx))
	}
	for _, i := range []struct {
		field string
		us    *uint32
	}{{fieldTx, s.DesiredMinTx}, {fieldEchoTx, s.EchoTx}, {fieldDemandPoll, s.DemandPoll}} {
		if us := or(i.us, 0); us != 0 && us < minTx {
			add(i.field, "%s is more often than a host can send: set %s or more",
				FormatInterval(uint64(us)), FormatInterval(minTx))
		}
	}
	if us := or(s.EchoRx, 0); us != 0 && us < minTx {
		add(fieldEchoRx, "%s is more often than a host can return echoes: set %s or more, or disabled",
			FormatInterval(uint64(us)), FormatInterval(minTx))
	}
	if s.MinTTL != nil && *s.MinTTL == 0 {
		add(fieldMinTTL, "0 is the TTL of no packet: set 1 to 255 (%d is usual, 1 takes packets from anywhere)", DefaultMinTTL)
	}
	if or(s.DetectMult, DefaultDetectMult) == 0 {
		add(fieldDetectMult, "0 packets cannot be missed: set 1 to 255 (3 is usual; with 1, one lost packet is a failure)")
	}
	if or(s.DSCP, DefaultDSCP) > maxDSCP {
		add(fieldDSCP, "%d does not fit the six bits of the field: set 0 to %d (48 is network control)", *s.DSCP, maxDSCP)
	}
	return faults
}

// check returns what is wrong with the identity of a session.
func (k Key) check() []Fault {
	faults := checkAddr(nil, fieldPeer, k.Peer)
	if !k.Peer.IsValid() {
		faults = append(faults, Fault{fieldPeer, "is missing: give the address of the other end"})
	}
	faults = checkAddr(faults, fieldLocal, k.Local)
	if k.Interface != "" && !validInterface(k.Interface) {
		faults = append(faults, interfaceFault(k.Interface))
	}
	if !validInterface(k.VRF) {
		faults = append(faults, faultf(fieldVRF,
			"%q cannot be the name of a VRF, which is that of its device: at most 15 characters, no space, '/' or ':'", k.VRF))
	}
	if len(faults) > 0 {
		return faults
	}
	return k.checkPair()
}

// checkPair looks at how the addresses and the interface go together, each of
// them being fine by itself.
func (k Key) checkPair() []Fault {
	if k.Multihop {
		if faults := k.checkMultihop(); faults != nil {
			return faults
		}
	}
	switch {
	case k.Peer == k.Local:
		return []Fault{faultf(fieldLocal, "%s is the peer's address too: give an address of this host", k.Local)}
	case k.Local.IsValid() && k.Local.Is4() != k.Peer.Is4():
		return []Fault{faultf(fieldLocal, "%s is %s but the peer %s is %s: give a local address of the peer's family",
			k.Local, family(k.Local), k.Peer, family(k.Peer))}
	case k.Interface == "" && linkLocal6(k.Peer):
		return []Fault{faultf(fieldInterface, "is missing: %s is link-local, so name the interface it is reached by", k.Peer)}
	case k.Interface == "" && linkLocal6(k.Local):
		return []Fault{faultf(fieldInterface, "is missing: %s is link-local, so name the interface that has it", k.Local)}
	case k.Peer.Is6() && !linkLocal6(k.Peer) && !k.Local.IsValid():
		return []Fault{faultf(fieldLocal, "is missing: an IPv6 peer that is not link-local needs it; "+
			"give the address of this host that %s sends to", k.Peer)}
	}
	return nil
}

// checkAddr appends to faults what makes addr useless as an end of a session.
// The zero Addr is fine here.
func checkAddr(faults []Fault, field string, addr netip.Addr) []Fault {
	var what string
	switch {
	case addr.Is4In6():
		return append(faults, faultf(field, "%s is an IPv4 address written as IPv6: write %s", addr, addr.Unmap()))
	case addr.IsValid() && addr.IsUnspecified():
		what = "the unspecified address"
	case addr.IsMulticast():
		what = "a multicast address"
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		what = "the broadcast address"
	default:
		return faults
	}
	return append(faults, faultf(field, "%s is %s: give the address of one host", addr, what))
}

func linkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func interfaceFault(name string) Fault {
	return faultf(fieldInterface, "%q cannot be the name of an interface: at most 15 characters, no space, '/' or ':'", name)
}

// validInterface applies the kernel's rule for names of network devices.
func validInterface(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 15 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == ':' || r <= ' ' || r == 0x7f })
}

package wire

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// Values of Options.Transport.
const (
	TransportAuto    = "auto"        // the best that works
	TransportXDP     = "xdp"         // AF_XDP, native or generic, or an error
	TransportGeneric = "xdp-generic" // AF_XDP behind a generic XDP program, or an error
	TransportUDP     = "udp"         // sockets only
)

// Options says how to open an interface. The zero value means UDP sockets and
// one worker.
type Options struct {
	Transport string      // "" means auto
	Tables    *bpf.Tables // tells XDP what is ours; nil: no XDP
	VRF       int         // index of the device of the interface's VRF; 0: it is in none
	NoXDP     error       // why Tables is nil, for Interface.Transport to tell
	Workers   int         // how many workers share the interface; 0 means 1
	RxFrames  int         // received frames that the interface's queues can hold together; 0 means 4096
	TxFrames  int         // frames that each worker can have on the way; 0 means 1024
	Transmit  string      // how frames are sent where AF_XDP is; "" means auto
	LoopTX    bool        // the XDP program sends the peer's Echo packets back, not the engine
	Insurance string      // how insured lanes of Tables are answered for; "" means off
	SteerTo   int         // 1 + the receive queue that the card is to steer BFD's frames to; 0: as the card does
	Journal   bpf.Journal // of what would outlive the process; nil: no such thing is made
	Logger    *slog.Logger
}

// minRxFrames is what a queue gets at least, however many share RxFrames.
const minRxFrames = 512

func (o Options) withDefaults() Options {
	if o.Transport == "" {
		o.Transport = TransportAuto
	}
	if o.Transmit == "" {
		o.Transmit = TransmitAuto
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.RxFrames == 0 {
		o.RxFrames = 4096
	}
	if o.TxFrames == 0 {
		o.TxFrames = 1024
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if !slices.Contains([]string{TransportAuto, TransportXDP, TransportGeneric, TransportUDP}, o.Transport) {
		return fmt.Errorf("transport %q: not one of auto, xdp, xdp-generic, udp", o.Transport)
	}
	if !slices.Contains([]string{TransmitAuto, TransmitXDP, TransmitLive}, o.Transmit) {
		return fmt.Errorf("transmit %q: not one of auto, xdp, live", o.Transmit)
	}
	if _, ok := insurances[o.Insurance]; !ok {
		return fmt.Errorf("insurance %q: not one of off, tc, tcx, clsact, xdp", o.Insurance)
	}
	if o.SteerTo < 0 || o.Workers < 0 || o.RxFrames < 0 || o.TxFrames < 0 {
		return errors.New("numbers of workers, frames and queues must not be negative")
	}
	return nil
}

// Interface is one network interface in use by the engine. Its methods may be
// called from any goroutine, but none while Close runs or after.
type Interface struct {
	name      string
	ifindex   int
	options   Options
	transport string
	reason    string

	insurance string
	uninsured string // why insurance is off
	transmit  transmit

	program  *bpf.Program // nil without XDP
	steering *steering    // nil: the card distributes as it does
	blocked  uint32       // the id of somebody else's XDP program that is in the way; 0: none
	refused  int          // the MTU with which its driver refused native XDP, 0 if it did not
	copyOnly string       // that its driver has no zero copy, for people; "" if that is not known
	tags     *tags        // of this and of its successors
	queues   []*queue
	udp      []*udpReader
	udpErr   error // why a receive socket is missing
	raw      rawSockets
	ports    []*port
	past     map[string]uint64 // what was counted before the transport changed

	// While it climbs.
	loaded *bpf.Program // not attached yet
	before *bpf.Program // of the interface that this one comes in the place of
	kept   []*queue     // rings of that one that stay
}

// Open opens interface name, whose index is ifindex, in the network namespace
// of the calling thread. Where the kernel lacks something it takes the next
// best transport that o allows; Transport tells which and why. The error is
// ErrGone when index and name are not, or not any more, of one interface,
// ErrNoXDP when o insists on AF_XDP and that cannot be had, and a
// *PortTakenError when only UDP sockets could serve and another program has the
// port.
func Open(ifindex int, name string, o Options) (*Interface, error) {
	o = o.withDefaults()
	i := &Interface{name: name, ifindex: ifindex, options: o, raw: noRaw, tags: new(tags)}
	err := i.open()
	if !isCalled(ifindex, name) {
		err = ErrGone // and what else went wrong is no wonder
	}
	if err != nil {
		return nil, fmt.Errorf("open interface %s: %w", name, errors.Join(err, i.Close()))
	}
	o.Logger.Info("interface opened", "ifname", name, "transport", i.transport, "reason", i.reason)
	return i, nil
}

func (i *Interface) open() (err error) {
	if err := i.options.validate(); err != nil {
		return err
	}
	if i.raw, err = openRaw(i.name); err != nil {
		return fmt.Errorf("%w (%s)", err, reason(err))
	}
	if err := i.climb(); err != nil {
		return err
	}
	i.udp, i.udpErr, err = openReaders(i.openUDP, i.program != nil)
	if err != nil {
		return err
	}
	i.settle()
	return i.direct()
}

// settle sets up what the rung of the ladder that was reached allows.
func (i *Interface) settle() {
	i.steer()
	i.insure()
	i.settleTransmit()
	i.makePorts()
	if p := i.transmit.proof; p != nil {
		p.run()
	}
	o := i.options
	if insurances[o.Insurance] != nil && i.insurance == InsuranceOff {
		o.Logger.Warn("no insurance on interface", "ifname", i.name, "reason", i.uninsured)
	}
	if o.Transmit == TransmitLive && i.transmit.proof == nil {
		o.Logger.Warn("no live frames on interface", "ifname", i.name, "reason", i.transmit.reason)
	}
	if i.udpErr != nil {
		o.Logger.Warn("no UDP sockets on interface", "ifname", i.name, "reason", i.udpErr)
	}
}

func (i *Interface) makePorts() {
	for range i.options.Workers {
		i.ports = append(i.ports, &port{raw: newRawTx(i.raw, i.ifindex)})
	}
	for n, q := range i.queues {
		p := i.ports[n%len(i.ports)]
		p.addQueue(q)
		if p.tx == nil {
			p.tx = q
		}
	}
	for worker, p := range i.ports {
		p.live = i.newLiveTx(worker, p.tx)
	}
	for _, r := range i.udp {
		i.ports[i.ifindex%len(i.ports)].addUDP(r)
	}
}

// Port returns the Port of a worker, 0 <= worker < Options.Workers.
func (i *Interface) Port(worker int) engine.Port { return i.ports[worker] }

// Transport returns "xdp-zerocopy", "xdp-native", "xdp-generic" or "udp", and
// for people why it is not a better one.
func (i *Interface) Transport() (name, reason string) {
	if unseen := i.tags.unseen(); unseen != "" && i.program != nil {
		return i.transport, i.reason + "; " + unseen
	}
	return i.transport, i.reason
}

// Rings returns how many queues of the interface have an AF_XDP ring.
func (i *Interface) Rings() int { return len(i.queues) }

// Stamp tells where the arrival times come from: "xdp", "read" (a driver that
// refuses the program's metadata) or "socket".
func (i *Interface) Stamp() string {
	if i.program == nil {
		return "socket"
	}
	for _, q := range i.queues {
		if !q.stamped() {
			return "read"
		}
	}
	return "xdp"
}

// UDPStatus returns "" when the receive sockets are open, else why one is not.
func (i *Interface) UDPStatus() string {
	if i.udpErr == nil {
		return ""
	}
	return i.udpErr.Error()
}

// Rename says that the interface has another name now. What is open follows it by
// its index; the name is for what is opened and asked later.
func (i *Interface) Rename(name string) { i.name = name }

// SetMAC tells the XDP program that the interface's MAC has changed. Until then
// the frames to the new one arrive by the UDP sockets.
func (i *Interface) SetMAC(mac packet.MAC) error {
	if i.program == nil {
		return nil
	}
	return i.program.SetMAC(mac)
}

// Close detaches the XDP program and closes the sockets. The workers must have
// let go of their Ports: the memory behind these goes away.
func (i *Interface) Close() error {
	err := errors.Join(i.Release(nil), i.tags.close(i), closeAll(i.udp), i.raw.close())
	i.udp, i.raw = nil, noRaw
	return err
}

package wire

import (
	"errors"
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// Multihop is a VRF's receive path for port 4784 (RFC 5883 §5): packets of
// multihop sessions may arrive on any of its interfaces, also on those that no
// session has opened. What an XDP program steers does not come by here. Its
// methods may be called from any goroutine, but none while Close runs or after.
type Multihop struct {
	udp    []*udpReader
	udpErr error // why a socket is missing
	ports  []*inlet
}

// OpenMultihop opens the sockets for Options.Workers workers in a VRF, which its
// device names, or in the default one ("") of the network namespace of the calling
// thread. beside are those that are open in other VRFs there. Where another program has the port AF_XDP
// alone serves, and UDPStatus names the program; without AF_XDP, which is
// without Options.Tables, that is an error, a *PortTakenError.
func OpenMultihop(vrf string, beside []*Multihop, o Options) (_ *Multihop, err error) {
	o = o.withDefaults()
	m := new(Multihop)
	defer func() {
		if err != nil {
			err = fmt.Errorf("open multihop sockets: %w", errors.Join(err, m.Close()))
		}
	}()
	if err := o.validate(); err != nil {
		return nil, err
	}
	at := udpPlace{device: vrf, port: packet.PortMultihop}
	for _, b := range beside {
		at.beside = append(at.beside, b.udp...)
	}
	m.udp, m.udpErr, err = openReaders(func(family int) (*udpReader, error) { return newUDPReader(at, family) }, o.Tables != nil)
	if err != nil {
		return nil, err
	}
	for range o.Workers {
		m.ports = append(m.ports, new(inlet))
	}
	for _, r := range m.udp {
		m.ports[0].addUDP(r)
	}
	if m.udpErr != nil {
		o.Logger.Warn("no UDP sockets for multihop", "reason", m.udpErr)
	}
	return m, nil
}

// Port returns the Port of a worker, 0 <= worker < Options.Workers. It only
// receives: its Alloc has no buffer to lend.
func (m *Multihop) Port(worker int) engine.Port { return m.ports[worker] }

// UDPStatus returns "" when the sockets are open, else why one is not.
func (m *Multihop) UDPStatus() string {
	if m.udpErr == nil {
		return ""
	}
	return m.udpErr.Error()
}

// Counters returns the counters of the sockets by name.
func (m *Multihop) Counters() map[string]uint64 {
	c := make(map[string]uint64)
	for _, r := range m.udp {
		c["udp_rx_errors"] += r.failed.Load()
	}
	return c
}

// Close closes the sockets. The workers must have let go of their Ports.
func (m *Multihop) Close() error {
	err := closeAll(m.udp)
	m.udp = nil
	return err
}

// inlet is a Port that only receives.
type inlet struct{ receiver }

var _ engine.Port = (*inlet)(nil)

func (*inlet) Ring() bool        { return false }
func (*inlet) Alloc(bool) []byte { return nil }
func (*inlet) Commit(int, int)   {}
func (*inlet) Flush() int        { return 0 }

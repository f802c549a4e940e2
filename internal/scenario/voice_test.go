package scenario

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/xbfd/xbfd/packet"
)

// voice is what a tester's packets carry: the fields of a Control packet (state,
// diag, tx, rx, echo-rx, mult, my, your, D, C), src, dst, host, port, ttl and
// trailing around it, and key, id, seq, step, digest, reserved for its authentication. your is what D's
// packets had, unless it is told, by a session's name or a number; a sequence number is step, usually 1, more
// than the one before.
type voice struct {
	packet.Control
	fixed    bool // YourDiscr was told
	src, dst netip.Addr
	host     uint8 // whose MAC it sends from
	port     uint16
	srcPort  uint16
	ttl      uint8
	trailing uint8 // bytes behind the BFD packet
	key      *key
	id       uint8
	seq      uint32
	step     uint32
	forged   bool  // the digest is wrong
	reserved uint8 // the byte behind the key ID of a digest
}

func usualVoice(b *bed) voice {
	v := voice{
		Control: packet.Control{
			State: packet.Down, DetectMult: 3, MyDiscr: 0x7e57e701, DesiredMinTx: 300_000, RequiredMinRx: 300_000,
		},
		src: netip.MustParseAddr("192.0.2.2"), dst: netip.MustParseAddr("192.0.2.1"),
		port: packet.PortControl, srcPort: 50_000, ttl: 255, seq: 1000, step: 1,
	}
	if b.multihop {
		v.port = packet.PortMultihop
	}
	return v
}

// learn takes D's discriminator from a packet of D's.
func (v *voice) learn(h *heard) {
	if !v.fixed {
		v.YourDiscr = h.MyDiscr
	}
}

var states = map[string]packet.State{"admin-down": packet.AdminDown, "down": packet.Down, "init": packet.Init, "up": packet.Up}

func (v *voice) change(b *bed, args []arg) error {
	for _, a := range args {
		if err := v.changeOne(b, a.name, a.value); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// changeOnce is change for a single packet, which may have P and F.
func (v *voice) changeOnce(b *bed, args []arg, flags *uint8) error {
	var rest []arg
	for _, a := range args {
		switch a.name {
		case "P":
			*flags |= packet.BitPoll
		case "F":
			*flags |= packet.BitFinal
		default:
			rest = append(rest, a)
		}
	}
	return v.change(b, rest)
}

func (v *voice) changeOne(b *bed, name, value string) (err error) {
	number := func(bits int) (n uint64) {
		if err == nil {
			n, err = integer(value, bits)
		}
		return n
	}
	switch name {
	case "state":
		var ok bool
		if v.State, ok = states[value]; !ok {
			err = fmt.Errorf("there is no state %q", value)
		}
	case "tx":
		v.DesiredMinTx, err = microseconds(value)
	case "rx":
		v.RequiredMinRx, err = microseconds(value)
	case "echo-rx":
		v.RequiredMinEchoRx, err = microseconds(value)
	case "D":
		v.Demand, err = onOff(value)
	case "C":
		v.CPI, err = onOff(value)
	case "diag":
		v.Diag = packet.Diag(number(5))
	case "mult":
		v.DetectMult = uint8(number(8))
	case "my":
		v.MyDiscr, err = b.discr(value)
	case "your":
		v.YourDiscr, err = b.discr(value)
		v.fixed = true
	default:
		return v.changeAround(b, name, value)
	}
	return err
}

// discr reads a discriminator: the name of a session of D's, or a number.
func (b *bed) discr(s string) (uint32, error) {
	if b != nil && b.sessions[s] != nil {
		return b.sessions[s].discr, nil
	}
	n, err := integer(s, 32)
	return uint32(n), err
}

// changeAround changes what stands around the Control packet.
func (v *voice) changeAround(b *bed, name, value string) (err error) {
	var n uint64
	switch name {
	case "src":
		v.src, err = netip.ParseAddr(value)
	case "dst":
		v.dst, err = netip.ParseAddr(value)
	case "host":
		n, err = integer(value, 8)
		v.host = uint8(n)
	case "port":
		n, err = integer(value, 16)
		v.port = uint16(n)
	case "ttl":
		n, err = integer(value, 8)
		v.ttl = uint8(n)
	case "trailing":
		n, err = integer(value, 8)
		v.trailing = uint8(n)
	case "key":
		v.key = nil
		if value != "none" {
			v.key, err = b.key(value)
		}
	case "id":
		n, err = integer(value, 8)
		v.id = uint8(n)
	case "seq":
		var from uint32
		digits, relative := strings.CutPrefix(value, "+")
		if relative {
			from = v.seq
		}
		n, err = integer(digits, 32)
		v.seq = from + uint32(n) - v.step
	case "step":
		n, err = integer(value, 32)
		v.step = uint32(n)
	case "reserved":
		n, err = integer(value, 8)
		v.reserved = uint8(n)
	case "digest":
		v.forged = value == "wrong"
	default:
		err = fmt.Errorf("a packet has no such field")
	}
	return err
}

// frame is the voice as bytes.
func (v *voice) frame(t *tester, flags uint8) []byte {
	c := v.Control
	c.Poll, c.Final = flags&packet.BitPoll != 0, flags&packet.BitFinal != 0
	c.Length = packet.ControlLen
	payload := make([]byte, packet.ControlLen)
	if v.key != nil {
		payload = v.signed(&c)
	} else {
		c.Put(payload)
	}
	payload = append(payload, make([]byte, v.trailing)...)
	return datagram{src: v.src, dst: v.dst, from: t.mac(v.host), to: macD,
		srcPort: v.srcPort, dstPort: v.port, ttl: v.ttl, payload: payload}.bytes()
}

// signed is the packet with its authentication section.
func (v *voice) signed(c *packet.Control) []byte {
	v.seq += v.step
	k := v.key
	a := packet.Auth{Type: k.method.Type, KeyID: v.id, Seq: v.seq}
	if a.Type == packet.AuthSimple {
		a.N = uint8(k.secret.Put(a.Data[:]))
	}
	c.Auth, c.Length = true, uint8(packet.ControlLen+a.Len())
	b := make([]byte, c.Length)
	c.Put(b)
	a.Put(b[packet.ControlLen:])
	if k.method.Type.Sequenced() {
		b[packet.ControlLen+3] = v.reserved
	}
	k.method.Sign(b, &k.secret)
	if v.forged {
		b[len(b)-1] ^= 0xff
	}
	return b
}

// mac is the tester's, or that of another host on its link.
func (t *tester) mac(host uint8) packet.MAC {
	m := macT
	m[5] = t.host
	if host != 0 {
		m[5] = host
	}
	return m
}

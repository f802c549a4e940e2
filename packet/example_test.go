package packet_test

import (
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/packet"
)

// A session renders its frame once and copies it at every send; the receiver
// takes it apart again.
func Example() {
	path := packet.Path{
		SrcMAC:  packet.MAC{0x02, 0, 0, 0, 0, 0x0a},
		DstMAC:  packet.MAC{0x02, 0, 0, 0, 0, 0x0b},
		Src:     packet.AddrFrom(netip.MustParseAddr("192.0.2.1")),
		Dst:     packet.AddrFrom(netip.MustParseAddr("192.0.2.2")),
		SrcPort: 49152,
		DstPort: packet.PortControl,
		DSCP:    48, // network control
	}
	hello := packet.Control{
		State: packet.Down, DetectMult: 3, MyDiscr: 0x1001,
		DesiredMinTx: 1_000_000, RequiredMinRx: 1_000_000,
	}
	var template packet.Template
	template.Render(&path, &hello, nil)

	var buffer [packet.MaxFrame]byte
	n := template.Put(buffer[:], packet.BitPoll)

	var d packet.Datagram
	packet.ParseEthernet(buffer[:n], &d)
	var c packet.Control
	fmt.Println(n, "bytes, frame:", d.Drop, "packet:", c.Decode(d.Payload))
	fmt.Println(d.Src.Netip(), "to", d.Dst.Netip(), "ttl", d.TTL)
	fmt.Println(c.State, "poll", c.Poll, "discriminator", c.MyDiscr, "tx", c.DesiredMinTx, "us")
	// Output:
	// 66 bytes, frame: none packet: none
	// 192.0.2.1 to 192.0.2.2 ttl 255
	// down poll true discriminator 4097 tx 1000000 us
}

func ExampleControl_Decode() {
	payload := make([]byte, packet.ControlLen)
	(&packet.Control{State: packet.Up, DetectMult: 3, Length: 24, MyDiscr: 7}).Put(payload)
	var c packet.Control
	fmt.Println(c.Decode(payload[:20]))
	fmt.Println(c.Decode(payload))
	payload[2] = 0 // Detect Mult
	fmt.Println(c.Decode(payload))
	// Output:
	// short
	// none
	// zero_mult
}

func ExampleDecodeAuth() {
	payload := make([]byte, packet.ControlLen+8)
	(&packet.Control{State: packet.Up, Auth: true, DetectMult: 3, Length: 32, MyDiscr: 7}).Put(payload)
	password := packet.Auth{Type: packet.AuthSimple, KeyID: 2, N: 5, Data: [20]byte{'l', 'o', 'r', 'e', 'm'}}
	password.Put(payload[packet.ControlLen:])

	var c packet.Control
	var a packet.Auth
	fmt.Println(c.Decode(payload), packet.DecodeAuth(payload[packet.ControlLen:c.Length], &a))
	fmt.Printf("key %d: %s\n", a.KeyID, a.Data[:a.N])
	// Output:
	// none none
	// key 2: lorem
}

package clients_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// The configuration file and a routing daemon share the session with one peer.
// The daemon wants faster timers, and not to hear of outages below 200 ms.
func Example() {
	var book clients.Book
	key := clients.Key{Peer: netip.MustParseAddr("192.0.2.2"), Interface: "eth0"}
	every := func(ms uint32) engine.Spec {
		return engine.Spec{Params: session.Params{DesiredMinTx: ms * 1000, RequiredMinRx: ms * 1000, DetectMult: 3}}
	}
	register := func(owner string, w clients.Wish) {
		change, err := book.Register(key, owner, w)
		if err != nil {
			fmt.Println(err)
			return
		}
		verb := [...]string{"leave", "create", "configure", "remove"}[change.Do]
		fmt.Printf("%s: %s the session, %d ms\n", owner, verb, change.Spec.Params.DesiredMinTx/1000)
	}
	register("file", clients.Wish{Spec: every(300)})
	register("bgp", clients.Wish{Spec: every(100), HoldOff: 200 * session.Millisecond})

	show := func(at time.Duration, notices []clients.Notice) {
		for _, n := range notices {
			fmt.Printf("%v: %s is told %v of %v\n", at, n.Owner, n.Kind, time.Duration(n.At))
		}
	}
	observe := func(at time.Duration, from, to packet.State) {
		show(at, book.Observe(key, clients.Transition{
			Change: engine.Change{At: session.Time(at), From: from, To: to, Diag: packet.DiagControlExpiry, Remote: packet.Down},
		}))
	}
	observe(1*time.Second, packet.Init, packet.Up)
	observe(5*time.Second, packet.Up, packet.Down)
	due := book.Deadline()
	show(time.Duration(due), book.Expire(due))

	if change := book.Unregister(key, "bgp"); change.Do == clients.Configure {
		fmt.Printf("bgp left: %d ms\n", change.Spec.Params.DesiredMinTx/1000)
	}

	// Output:
	// file: create the session, 300 ms
	// bgp: configure the session, 100 ms
	// 1s: file is told up of 1s
	// 1s: bgp is told up of 1s
	// 5s: file is told failure of 5s
	// 5.2s: bgp is told failure of 5s
	// bgp left: 300 ms
}

package session_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// Two sessions come Up over a perfect link, driven as an engine drives them:
// whichever is due first does what it has to, and what it sends is received.
func Example() {
	rng := rand.NewPCG(1, 2)
	p := session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}
	ends := [2]session.Session{session.New(p, 0xa, 0, rng), session.New(p, 0xb, 400*session.Time(session.Millisecond), rng)}

	var deliver func(now session.Time, from int, out session.Outcome)
	deliver = func(now session.Time, from int, out session.Outcome) {
		if out&session.Changed != 0 {
			fmt.Printf("%3d ms  %c is %v\n", int64(now)/session.Millisecond, 'a'+from, ends[from].State())
		}
		var c packet.Control
		ends[from].Control(&c)
		to := 1 - from
		if out&session.Send != 0 {
			deliver(now, to, ends[to].Receive(now, now, &c, rng))
		}
		if out&session.SendFinal != 0 {
			c.Poll, c.Final = false, true
			deliver(now, to, ends[to].Receive(now, now, &c, rng))
		}
	}
	for now := session.Time(0); now < session.Time(session.Second); {
		due := 0
		if ends[1].Deadline() < ends[0].Deadline() {
			due = 1
		}
		now = ends[due].Deadline()
		deliver(now, due, ends[due].Expire(now, true, rng))
	}
	fmt.Printf("they send every %d µs and wait %d ms for each other\n",
		ends[0].TxInterval(), ends[1].DetectionTime()/session.Millisecond)
	// Output:
	//   0 ms  b is init
	//   0 ms  a is up
	//   0 ms  b is up
	// they send every 50000 µs and wait 150 ms for each other
}

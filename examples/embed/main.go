// Embed is a Go program with a BFD session of its own: the engine without the
// daemon. It reacts to the session's state where a real one would move traffic.
//
//	embed LOCAL PEER
//
// It wants the same capabilities as xbfd. At SIGINT or SIGTERM it tells the peer
// AdminDown and ends.
package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/xbfd/xbfd/packet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "embed: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 3 {
		return fmt.Errorf("give LOCAL and PEER: the address of this host and that of the other end")
	}
	local, err := netip.ParseAddr(os.Args[1])
	if err != nil {
		return err
	}
	peer, err := netip.ParseAddr(os.Args[2])
	if err != nil {
		return err
	}
	s, err := open(local, peer, 50*time.Millisecond, 3)
	if err != nil {
		return err
	}
	defer s.close()
	return s.watch(ctx, func(state packet.State, why string) {
		switch state {
		case packet.Up:
			fmt.Printf("%v is reached: traffic may go there\n", peer)
		case packet.Down, packet.AdminDown:
			fmt.Printf("%v is %v (%s): traffic has to go elsewhere\n", peer, state, why)
		}
	})
}

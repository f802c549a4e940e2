package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"

	"github.com/xbfd/xbfd/client"
)

// Ask for a session and react to every change of its state, those included that
// happened while the daemon was away.
func Example() {
	ctx := context.Background()
	c := client.New(client.DefaultPath)
	defer c.Close()

	interval := uint32(50_000) // µs
	s, err := c.Add(ctx, client.SessionSpec{
		Peer:          netip.MustParseAddr("192.0.2.1"),
		SessionChange: client.SessionChange{DesiredMinTx: &interval, RequiredMinRx: &interval},
	})
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Code == client.CodeExists:
		fmt.Println("somebody has asked for it already")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println("session", s.LocalDiscriminator, "is", s.State)
	}

	query := client.EventQuery{Peer: netip.MustParseAddr("192.0.2.1"), Types: []string{"session-up", "session-down"}}
	err = c.Events(ctx, query, func(ev client.Event) error {
		if ev.Cause != nil {
			fmt.Println(ev.Session.Peer, "is", ev.To, "because of", ev.Cause.Kind)
		}
		seq := ev.Seq
		query.Since = &seq // where to go on after the daemon's restart
		return nil
	})
	log.Fatal(err)
}

// List the sessions that are down, and why.
func ExampleClient_Sessions() {
	c := client.New(client.DefaultPath)
	defer c.Close()
	down, err := c.Sessions(context.Background(), client.Filter{State: "down"})
	if errors.Is(err, client.ErrNoDaemon) {
		log.Fatal("start xbfd first")
	} else if err != nil {
		log.Fatal(err)
	}
	for _, s := range down {
		fmt.Println(s.Peer, s.Diagnostic)
	}
}

// Package client talks to a running xbfd on its control socket:
//
//	c := client.New(client.DefaultPath)
//	defer c.Close()
//	up, err := c.Sessions(ctx, client.Filter{State: "up"})
//
// The types are the JSON of the API under /v1/ one to one. Names that end in -us
// are microseconds; an address that is not known is the zero netip.Addr; times are
// UTC. What the daemon refuses is an *Error with a Code for programs; where nobody
// listens on the socket, errors.Is(err, ErrNoDaemon).
//
// A Client may be used by several goroutines at once.
package client

// DefaultPath is where the daemon listens unless its file says otherwise.
const DefaultPath = "/run/xbfd.sock"

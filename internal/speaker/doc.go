// Package speaker joins the engine to a host: it opens AF_XDP rings and UDP
// sockets on the interfaces that sessions need, follows links, addresses,
// routes and neighbours, and keeps each session's path and the XDP program's
// tables up to date with them. One Speaker speaks BFD for one network namespace.
//
// It knows nothing of configuration files, sockets of its own or logs of state
// changes: the daemon and the demo each build on it.
package speaker

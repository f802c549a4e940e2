// Package metrics tells Prometheus what a running xbfd knows of itself.
//
//	scrape --> Exposition --> Source (the daemon: status, sessions) --> text
//
// Each scrape reads the daemon once and forgets what it read. Names, types and
// labels are an interface: dashboards and alerts are written against them, and a
// golden file holds them. Intervals and other times of BFD are microseconds, as
// in the API and in RFC 9127; instants are seconds, as Prometheus has them.
//
// A session has four labels, which name it (RFC 9127's keys): peer, local,
// interface and vrf. The interface of a multihop session is empty, because the
// route chooses it. What a number cannot say is in labels of xbfd_session_info.
package metrics

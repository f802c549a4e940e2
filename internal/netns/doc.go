// Package netns builds small networks out of Linux network namespaces: veth
// pairs, addresses, neighbours, and a bridge in the middle whose ports can be
// cut without either end noticing. The demo and every test that needs a kernel
// stand on it.
//
// A namespace made here has no name in the file system: it lives as long as
// this process holds a descriptor of it, or a process or a socket inside keeps
// it, so a crash leaves nothing behind. Requests go through a netlink socket
// that was opened inside the namespace once; only Do, Sysctl, Bridge.Cut and
// Command move a thread. Nothing here is fit for a data path.
//
//	     NS a                NS mid               NS b
//	+-----------+      +----------------+      +-----------+
//	| veth "x" -+------+- port  br  port+------+- "y" veth |
//	+-----------+      +----------------+      +-----------+
//	                     Cut / Restore
package netns

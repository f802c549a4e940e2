// Package bench measures a BFD engine from outside: xbfd, FRR's bfdd, BIRD, or
// xbfd on plain UDP sockets.
//
//	namespace "dut"                      namespace "load"
//	the engine under test  --- veth ---  the load peer, the same for every engine
//	on a core of its own                 on another core
//
// The load peer is a process of its own that runs this module's engine on
// AF_XDP and looks at every packet that the engine under test sends: its arrival
// is stamped by the XDP program. Processor time, memory and wake-ups come from
// /proc, failures from the packets and from what the engine itself tells.
// Nothing is added to the engine under test.
//
// Each measurement has a file of its own (scale.go, detect.go, gaps.go,
// stress.go, failover.go, rings.go); run.go is what they share. For failover there
// are a second uplink and BGP neighbours as well, see uplinks.go.
package bench

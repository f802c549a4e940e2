// Package engine runs many BFD sessions on a few workers, without knowing where
// packets come from or what time it is.
//
// An Engine is the control plane's side: goroutines add, change and remove
// sessions, give them paths and read events and status. A Worker is the packet
// side: one goroutine calls Step in a loop, and everything a session needs
// (slot, template, timer, counters, ports) belongs to that worker alone. The two
// meet in a mailbox going in and an outbox coming out; on the way of a packet
// there is no lock, no map write, no log and no allocation.
//
//	           commands                       events, status
//	Engine ──────────────▶ mailbox    outbox ──────────────▶ Engine
//	                          │          ▲
//	                          ▼          │
//	  Port ──Receive──▶ Worker.Step ──Alloc/Commit/Flush──▶ Port
//	                          ▲
//	                          │ hand-off: frames another worker received
//
// It imports nothing that knows a kernel: engine/wire gives it AF_XDP and UDP
// Ports and the host's clock, the simulator gives it lossy links and virtual
// time.
package engine

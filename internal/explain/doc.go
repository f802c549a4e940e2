// Package explain says what would become of a frame: what the XDP program does with
// it, whose session it belongs to, and what the engine makes of it.
//
//	bytes --Read--> Frame --Explain--> Report
//	                          |  XDP: the production program run by the kernel, or
//	                          |       where that is not allowed the same rules in Go
//	                          |  engine: the decoder, the checks and the state machine
//	                          |          that the engine uses, in its order
//
// It touches no session, and what only the running engine knows (the latest sequence
// number, the key of Echo payloads) it names as not checked.
package explain

// Package top is the live view of a daemon: xbfd top.
//
//	socket --Snapshot--> Model --Frame--> terminal, pipe
//	          keys ------^
//
// Model is a value without clock, terminal or connection: it takes snapshots and
// names of keys, and gives frames, which are text and styles. Run joins it to a
// terminal, Once to a pipe.
package top

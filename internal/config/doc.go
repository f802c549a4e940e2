// Package config turns what an operator wrote, a YAML file or the arguments of
// `xbfd run LOCAL PEER`, into a checked Config whose peers are resolved: every
// value that a profile or a default supplies is filled in.
//
//	bytes --Parse--> syntax tree --decode.go--> Settings, Key --NewPeer--> Peer
//	                     |                                        |
//	                     +------- Problem{file, line, column} <---+
//
// It accepts a file whole or not at all, and names every problem it finds, each
// with its place in the file and what to do. It opens nothing but the file it is
// told to load and the files of secrets that this one names, and knows nothing of
// running sessions: Diff compares two Configs, and whoever runs sessions acts on
// the difference.
//
// A secret is a packet.Secret, which does not print itself, from the moment it
// has been read; messages neither show nor repeat what stands where one may be.
package config

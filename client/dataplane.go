package client

import "time"

// DataPlane is a bfdd whose sessions run here, or the address at which one is
// expected.
type DataPlane struct {
	Client    string    `json:"client"`  // its name among the clients of sessions
	Address   string    `json:"address"` // as bfdd has it in --dplaneaddr
	Mode      string    `json:"mode"`    // connect, or listen where bfdd connects
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`           // of the connection, or of there being none; UTC
	Hold      uint32    `json:"hold-ms"`         // how long sessions outlive the connection
	FD        int       `json:"file-descriptor"` // of the connection; -1 for none

	Sessions    int               `json:"sessions"`    // that it wants, those refused included
	Unclaimed   int               `json:"unclaimed"`   // of them not asked for again since it came back
	Refused     int               `json:"refused"`     // of them that cannot run as it wants
	Connections uint64            `json:"connections"` // made so far
	Errors      map[string]uint64 `json:"errors"`      // what was wrong so far, by kind; those that are not 0
	LastError   string            `json:"last-error"`  // empty when there was none
	In          DataPlaneTraffic  `json:"in"`          // from bfdd, on this connection
	Out         DataPlaneTraffic  `json:"out"`
}

// DataPlaneTraffic is one direction of a connection.
type DataPlaneTraffic struct {
	Bytes    uint64 `json:"bytes"`
	Messages uint64 `json:"messages"`
	Peak     int    `json:"peak-bytes"`    // the most that have waited at once
	Waiting  int    `json:"waiting-bytes"` // to be looked at, or to be sent
	Full     uint64 `json:"full-events"`   // messages that found no room
}

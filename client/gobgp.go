package client

import "net/netip"

// GoBGPStatus is how the daemon gets on with gobgpd.
type GoBGPStatus struct {
	API       string       `json:"api"`
	Connected bool         `json:"connected"`
	Error     string       `json:"error"`     // why it is not; empty when it is
	Neighbors int          `json:"neighbors"` // of gobgpd, as listed last
	Disabled  []netip.Addr `json:"disabled"`  // by us, and not yet seen enabled again
	Disables  uint64       `json:"disables"`  // orders that gobgpd took
	Enables   uint64       `json:"enables"`
	Failures  uint64       `json:"failures"` // attempts to connect, and orders, that failed
}

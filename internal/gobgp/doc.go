// Package gobgp disables a neighbor of GoBGP while a BFD session with it has failed,
// over GoBGP's gRPC API, and enables it again. Whom to disable is a value (ledger.go);
// keeper.go keeps gobgpd as the ledger says, through its restarts; api.go is the only
// file that knows gRPC.
package gobgp

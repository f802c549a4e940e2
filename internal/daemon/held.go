package daemon

import (
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/lookup"
)

// held is a session and who asked for it.
type held struct {
	peer   *config.Peer // that of the first of wants
	wants  []want       // never empty; see put
	ifname string       // for the log, when the path is gone
	discr  uint32
	times  times

	failure *eventlog.Evidence // of the latest; nil before

	up         bool
	armed      bool // a delayed change of authentication waits for the peer
	digestTold bool // it was logged that the peer's digests are of the other kind
}

func heldByKey() lookup.Table[config.Key, held] {
	return lookup.New(func(h *held) config.Key { return h.peer.Key() }, hashOf)
}

func heldByDiscr() lookup.Table[uint32, held] {
	return lookup.New(func(h *held) uint32 { return h.discr }, func(d uint32) lookup.Hash { return lookup.Hash(0).Word(uint64(d)) })
}

func hashOf(k config.Key) lookup.Hash {
	return lookup.Hash(0).Addr(k.Peer.As16()).Addr(k.Local.As16()).Text(k.Interface).Text(k.VRF)
}

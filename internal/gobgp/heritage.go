package gobgp

import (
	"context"
	"net/netip"
	"slices"
)

// recall takes over what a Keeper before this one has left disabled.
func (k *Keeper) recall() {
	ours, err := k.o.Store.load()
	if err != nil {
		k.o.Log.Warn("neighbors that an earlier xbfd disabled stay so", "err", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stored = ours
	k.ledger.Recall(ours)
}

// store keeps what is disabled for the next process.
func (k *Keeper) store(ours []netip.Addr) {
	if slices.Equal(ours, k.stored) {
		return
	}
	if err := k.o.Store.save(ours); err != nil {
		k.o.Log.Warn("disabled neighbors would not be known after a crash", "err", err)
	}
	k.stored = ours
}

// leave enables what is disabled by us, if gobgpd does so soon.
func (k *Keeper) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	k.mu.Lock()
	deeds := k.ledger.Leave()
	k.mu.Unlock()
	for _, d := range deeds {
		if err := k.do(ctx, d); err != nil {
			k.o.Log.Warn("neighbor stays disabled in gobgpd until the next start", "neighbor", d.Addr.String(), "err", err)
			continue
		}
		k.mu.Lock()
		k.ledger.Left(d.Addr)
		k.mu.Unlock()
	}
	k.store(k.Status().Disabled)
}

package engine

import "math/bits"

// A discriminator carries the slot and the worker of its session, so that a
// frame finds its session without a table; the remaining bits count how often
// the slot was reused, so that a late reflection of a former session's value is
// not taken for the present one's. The whole is put through a keyed bijection:
// on the wire discriminators look random (RFC 5880 §6.3), and nobody who sees
// one can tell another.
const (
	slotBits   = 18
	workerBits = 4
	genBits    = 32 - slotBits - workerBits

	// MaxWorkers is how many workers an engine has at most.
	MaxWorkers = 1 << workerBits
	// MaxSlots is how many sessions a worker has at most, those that are being
	// removed included.
	MaxSlots = 1 << slotBits
)

// Odd multipliers are invertible modulo 2^32; these mix well and have no other
// meaning.
const (
	mulA    uint32 = 0x9e3779b1
	mulB    uint32 = 0x85ebca6b
	invMulA uint32 = 0x0e8b2f51
	invMulB uint32 = 0xa5cb9243
)

type discrKey struct{ a, b uint32 }

func (k discrKey) make(worker, slot, gen uint32) uint32 {
	v := slot | worker<<slotBits | gen<<(slotBits+workerBits)
	v = (v ^ k.a) * mulA
	v = bits.RotateLeft32(v, 16)
	return v*mulB ^ k.b
}

func (k discrKey) find(discr uint32) (worker, slot uint32) {
	v := (discr ^ k.b) * invMulB
	v = bits.RotateLeft32(v, -16)
	v = v*invMulA ^ k.a
	return v >> slotBits & (MaxWorkers - 1), v & (MaxSlots - 1)
}

package top_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/top"
)

// BenchmarkFrame is one look and one frame with 16,000 sessions.
func BenchmarkFrame(b *testing.B) {
	m := top.New(top.Options{Sort: "margin"})
	s := look(0)
	for i := range uint32(16_000) {
		s.Sessions = append(s.Sessions, session(100+i, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 0))
	}
	for b.Loop() {
		s.At = s.At.Add(time.Second)
		m.Take(s)
		m.Frame()
	}
}

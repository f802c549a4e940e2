package daemon

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/dplane"
)

// TestWantOf puts what bfdd can ask for into a session's settings, or says why not.
func TestWantOf(t *testing.T) {
	d := &Daemon{byKey: heldByKey()}
	p := &plane{owner: "bfdd:x", at: config.DPlane{Hold: time.Second}}
	of := func(f func(s *bfddp.Session)) bfddp.Session {
		s := asked(7)
		f(&s)
		return s
	}
	plain := config.Peer{
		Peer: netip.MustParseAddr("192.0.2.2"), Local: netip.MustParseAddr("192.0.2.3"), VRF: "default",
		DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: patient, DSCP: 48, EchoRx: 50_000, DemandPoll: 1_000_000,
	}
	like := func(f func(p *config.Peer)) config.Peer {
		p := plain
		f(&p)
		return p
	}
	for name, c := range map[string]struct {
		asked bfddp.Session
		want  config.Peer
		cpi   bool
		wrong string
	}{
		"plain": {asked: asked(7), want: plain},
		"the route's local address": {
			asked: of(func(s *bfddp.Session) { s.Src = netip.IPv4Unspecified() }),
			want:  like(func(p *config.Peer) { p.Local = netip.Addr{} }),
		},
		"all flags": {
			asked: of(func(s *bfddp.Session) {
				s.Flags, s.MinEchoTx, s.Ifname = bfddp.CBit|bfddp.Echo|bfddp.Passive|bfddp.Shutdown, 20_000, "eth0"
			}),
			want: like(func(p *config.Peer) { p.EchoTx, p.Passive, p.Shutdown, p.Interface = 20_000, true, true, "eth0" }),
			cpi:  true,
		},
		"no echoes": {
			asked: of(func(s *bfddp.Session) { s.MinEchoRx = 0 }),
			want:  like(func(p *config.Peer) { p.EchoRx = 0 }),
		},
		"several hops": {
			asked: of(func(s *bfddp.Session) { s.Flags, s.TTL, s.Ifname = bfddp.Multihop|bfddp.Echo, 250, "eth0" }),
			want:  like(func(p *config.Peer) { p.Multihop, p.MinTTL, p.EchoRx = true, 250, 0 }),
		},
		"no packets": {asked: of(func(s *bfddp.Session) { s.DetectMult = 0 }), wrong: "detect-multiplier"},
		"no pause":   {asked: of(func(s *bfddp.Session) { s.MinTx = 0 }), wrong: "transmit-interval"},
		"no link": {
			asked: of(func(s *bfddp.Session) {
				s.Flags, s.Src, s.Dst = bfddp.IPv6, netip.MustParseAddr("fe80::3"), netip.MustParseAddr("fe80::2")
			}),
			wrong: "interface",
		},
	} {
		w, err := d.wantOf(p, &planned{of: p, asked: c.asked})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want something about %s", name, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, *w.peer, cmpopts.EquateComparable(netip.Addr{})); diff != "" || w.wish().Params.CPI != c.cpi || w.owner != "bfdd:x" {
			t.Errorf("%s: C bit %v (-want +got):\n%s", name, w.wish().Params.CPI, diff)
		}
	}
	// Without a hold the session does not outlive its control plane.
	p.at.Hold = 0
	if w, err := d.wantOf(p, &planned{of: p, asked: of(func(s *bfddp.Session) { s.Flags = bfddp.CBit })}); err != nil || w.cpi {
		t.Errorf("C bit without a hold: %v, %v", w.cpi, err)
	}
}

// TestDataPlaneReached: that bfdd could not be reached is no news once it is, but what
// was wrong with it before is.
func TestDataPlaneReached(t *testing.T) {
	d := &Daemon{log: slog.New(slog.DiscardHandler), planes: make(map[string]*plane)}
	k := &link{d: d}
	p := k.plane(0)
	k.Unreachable(errors.New("nobody listens"))
	if p.lastError != "nobody listens" {
		t.Errorf("%q", p.lastError)
	}
	c := &dplane.Conn{}
	k.Attached(c)
	if p.lastError != "" {
		t.Errorf("connected: %q", p.lastError)
	}
	k.Malformed(c, errors.New("no sense"))
	k.Detached(c, errors.New("broken"))
	k.Attached(c)
	if p.lastError != "broken" {
		t.Errorf("connected again: %q", p.lastError)
	}
}

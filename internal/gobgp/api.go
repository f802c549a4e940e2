package gobgp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/osrg/gobgp/v4/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Speaker is gobgpd, or a stand-in for it in tests.
type Speaker interface {
	Neighbors(ctx context.Context) ([]Neighbor, error)
	Do(ctx context.Context, d Deed) error
	// Watch calls changed when gobgpd has begun to tell of changes, and each time
	// that it tells of one, until it is gone or ctx ends.
	Watch(ctx context.Context, changed func()) error
	Close() error
}

// speaker is a gobgpd that is spoken to over gRPC.
type speaker struct {
	conn *grpc.ClientConn
	api  api.GoBgpServiceClient
}

// Dial returns the gobgpd at host:port, or unix: and a path. It connects when it is
// first asked something.
func Dial(target string) (Speaker, error) {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("dial gobgpd: %w", err)
	}
	return &speaker{conn, api.NewGoBgpServiceClient(conn)}, nil
}

func (s *speaker) Close() error { return s.conn.Close() }

func (s *speaker) Neighbors(ctx context.Context) (list []Neighbor, err error) {
	answer, err := s.api.ListPeer(ctx, &api.ListPeerRequest{})
	for err == nil {
		var r *api.ListPeerResponse
		if r, err = answer.Recv(); err != nil {
			break
		}
		if n, ok := neighborOf(r.GetPeer()); ok {
			list = append(list, n)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("list gobgpd's neighbors: %w", plain(err))
	}
	return list, nil
}

// neighborOf takes from a peer what matters here; it answers false for one without
// an address.
func neighborOf(p *api.Peer) (n Neighbor, ok bool) {
	text := p.GetState().GetNeighborAddress()
	if text == "" {
		text = p.GetConf().GetNeighborAddress()
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return n, false
	}
	addr = addr.Unmap()
	n = Neighbor{
		Addr: addr.WithZone(""), Interface: addr.Zone(), VRF: p.GetConf().GetVrf(),
		Internal: p.GetConf().GetPeerAsn() != 0 && p.GetConf().GetPeerAsn() == p.GetState().GetLocalAsn(),
		Multihop: p.GetEbgpMultihop().GetEnabled(),
		Down:     p.GetState().GetAdminState() == api.PeerState_ADMIN_STATE_DOWN, Fixed: p.GetConf().GetAdminDown(),
	}
	if n.Interface == "" {
		n.Interface = p.GetConf().GetNeighborInterface()
	}
	// gobgpd writes 0.0.0.0 or :: for an address that nobody has chosen.
	if local, err := netip.ParseAddr(p.GetTransport().GetLocalAddress()); err == nil && !local.IsUnspecified() {
		n.Local = local.Unmap().WithZone("")
	}
	return n, true
}

func (s *speaker) Do(ctx context.Context, d Deed) (err error) {
	if d.Enable {
		_, err = s.api.EnablePeer(ctx, &api.EnablePeerRequest{Address: d.Addr.String()})
	} else {
		_, err = s.api.DisablePeer(ctx, &api.DisablePeerRequest{Address: d.Addr.String(), Communication: d.Why})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.verb(), plain(err))
	}
	return nil
}

func (d Deed) verb() string {
	if d.Enable {
		return "enable gobgpd's neighbor " + d.Addr.String()
	}
	return "disable gobgpd's neighbor " + d.Addr.String()
}

func (s *speaker) Watch(ctx context.Context, changed func()) error {
	events, err := s.api.WatchEvent(ctx, &api.WatchEventRequest{Peer: &api.WatchEventRequest_Peer{}})
	for err == nil {
		changed()
		_, err = events.Recv()
	}
	return fmt.Errorf("watch gobgpd: %w", plain(err))
}

// plain is an error of gRPC without what is of no use to people.
func plain(err error) error {
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return err
	case s.Code() == codes.DeadlineExceeded:
		return errors.New("no answer in time")
	}
	text := s.Message()
	if _, why, dialing := strings.Cut(text, "Error while dialing: "); dialing {
		text = strings.TrimSuffix(why, `"`) + ": gobgpd has to run, with this address in its --api-hosts"
	}
	return errors.New(text)
}

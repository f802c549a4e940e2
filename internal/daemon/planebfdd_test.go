package daemon

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/testnet"
)

// bfdd is FRR's end of the protocol, as a script.
type bfdd struct {
	t        *testing.T
	ns       *testnet.NS
	at       config.DPlane
	listener net.Listener // where xbfd connects
	conn     net.Conn
	got      chan bfddp.Message
}

// newBFDD is bfdd for an address; it listens where the daemon is to connect.
func newBFDD(t *testing.T, ns *testnet.NS, connect bool, address string) *bfdd {
	t.Helper()
	at, err := config.ParseDPlaneAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	b := &bfdd{t: t, ns: ns, at: config.DPlane{Connect: connect, Address: at}}
	if connect {
		b.do(func() (err error) {
			network, address := at.Network()
			b.listener, err = net.Listen(network, address)
			return err
		})
		t.Cleanup(func() { _ = b.listener.Close() })
	}
	return b
}

func (b *bfdd) do(fn func() error) {
	b.t.Helper()
	if err := b.ns.Do(fn); err != nil {
		b.t.Fatal(err)
	}
}

// meet waits for a connection to the daemon.
func (b *bfdd) meet() {
	b.t.Helper()
	if b.listener != nil {
		conn, err := b.listener.Accept()
		if err != nil {
			b.t.Fatal(err)
		}
		b.conn = conn
	} else {
		b.do(func() (err error) {
			network, address := b.at.Address.Network()
			b.conn, err = net.Dial(network, address)
			return err
		})
	}
	conn, got := b.conn, make(chan bfddp.Message, 1000)
	b.got = got
	b.t.Cleanup(func() { _ = conn.Close() })
	go func() {
		r := bfddp.NewReader(conn)
		for {
			m, _, err := r.Next()
			if err != nil {
				close(got)
				return
			}
			got <- m
		}
	}()
}

func (b *bfdd) send(m bfddp.Message) {
	b.t.Helper()
	b.write(m.Append(nil))
}

func (b *bfdd) write(bytes []byte) {
	b.t.Helper()
	if _, err := b.conn.Write(bytes); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bfdd) add(s bfddp.Session) { b.send(bfddp.Message{Type: bfddp.AddSession, Session: s}) }

// next returns the next message that is like it is wanted.
func (b *bfdd) next(what string, want func(*bfddp.Message) bool) bfddp.Message {
	b.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case m, open := <-b.got:
			if !open {
				b.t.Fatalf("%s: the connection has ended", what)
			}
			if want(&m) {
				return m
			}
		case <-late:
			b.t.Fatalf("%s: it does not come", what)
		}
	}
}

// state waits until a session is told to be in a state.
func (b *bfdd) state(lid uint32, state uint8) bfddp.State {
	b.t.Helper()
	return b.next("a state", func(m *bfddp.Message) bool {
		return m.Type == bfddp.StateChange && m.State.LID == lid && m.State.State == state
	}).State
}

// asked is a session of bfdd's that is its own alone.
func asked(lid uint32) bfddp.Session {
	return bfddp.Session{
		Src: netip.MustParseAddr("192.0.2.3"), Dst: netip.MustParseAddr("192.0.2.2"), LID: lid,
		MinTx: 50_000, MinRx: 50_000, MinEchoRx: 50_000, TTL: 255, DetectMult: patient,
	}
}

package daemon

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// reader reads the API without making garbage itself.
type reader struct {
	conn net.Conn
	buf  []byte
}

// get returns the answer's bytes, which stay until the next one.
func (r *reader) get(t *testing.T, request []byte) []byte {
	t.Helper()
	if _, err := r.conn.Write(request); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
		more, err := r.conn.Read(r.buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += more
		if whole(r.buf[:n]) {
			return r.buf[:n]
		}
	}
}

// whole tells whether an answer is complete.
func whole(answer []byte) bool {
	head, body, ok := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !ok || bytes.Contains(head, []byte("Transfer-Encoding: chunked")) {
		return ok && bytes.HasSuffix(body, []byte("\r\n0\r\n\r\n"))
	}
	_, length, _ := bytes.Cut(head, []byte("Content-Length: "))
	n := 0
	for _, c := range length {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return len(body) == n
}

func request(path string) []byte { return []byte("GET " + path + " HTTP/1.1\r\nHost: xbfd\r\n\r\n") }

// allocated returns how many bytes this process has ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// raceDetector tells whether the test is built with it: pools then lose some of
// what they are given.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Reading the API makes little garbage: at 100 reads of a session a second not
// enough for a collection in a minute (see collector), whichever way it is named;
// and of a list of all no more than a small part is in memory at a time.
func TestReadingMakesLittleGarbage(t *testing.T) {
	testnet.RequireRoot(t)
	const sessions = 300
	ns := testnet.NewNS(t, "a")
	peer := testnet.NewNS(t, "b")
	testnet.Veth(t, ns, "a", peer, "b")
	ns.AddAddr(t, "a", "10.9.0.1/16")
	var file strings.Builder
	file.WriteString("transport: udp\nshutdown-hold: 0s\npeers:\n")
	var neighs []netns.Neigh
	for i := range sessions {
		at := netip.AddrFrom4([4]byte{10, 9, byte(1 + i/200), byte(1 + i%200)})
		neighs = append(neighs, netns.Neigh{IP: at, MAC: peer.MAC(t, "b")})
		fmt.Fprintf(&file, "  - {peer: %s}\n", at)
	}
	if err := ns.AddNeigh("a", neighs...); err != nil {
		t.Fatal(err)
	}
	d := run(t, ns, file.String())
	defer d.end(t)
	conn, err := net.Dial("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one, err := d.client.Session(t.Context(), control.Target{X: "10.9.1.8"})
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{conn, make([]byte, 1<<20)}
	for _, tt := range []struct {
		path string
		of   uint64 // sessions in the answer
		most uint64 // bytes for each
	}{
		{fmt.Sprintf("/v1/sessions/%d", one.LocalDiscriminator), 1, muchGarbage / 6000},
		{"/v1/sessions/10.9.1.7", 1, muchGarbage / 6000},
		{"/v1/sessions?peer=10.9.1.7", 1, muchGarbage / 6000},
		{"/v1/status", 0, muchGarbage / 300}, // once a second leaves five minutes
		{"/v1/sessions", sessions, 1000},
	} {
		rq := request(tt.path)
		if n := bytes.Count(r.get(t, rq), []byte(`"local-discriminator"`)); uint64(n) != tt.of {
			t.Fatalf("%s: %d sessions", tt.path, n)
		}
		for range 5 { // buffers that are kept are made once
			r.get(t, rq)
		}
		const times = 100
		before := allocated()
		for range times {
			r.get(t, rq)
		}
		each := (allocated() - before) / times / max(tt.of, 1)
		t.Logf("%s: %d bytes of garbage for each session, or in all", tt.path, each)
		if each > tt.most && !raceDetector() {
			t.Errorf("%s: %d bytes of garbage for each session, want %d at most", tt.path, each, tt.most)
		}
	}
}

package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/packet"
)

var midnight = time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)

func wall(ns int64) time.Time { return midnight.Add(time.Duration(ns)) }

func frame(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }

func session(frames ...flight.Frame) *client.Capture {
	c := &client.Capture{Peer: netip.MustParseAddr("192.0.2.1"), Local: netip.MustParseAddr("192.0.2.9"), Interface: "eth0", Discr: 11}
	for i := range frames {
		c.Frames = append(c.Frames, Frame(&frames[i], wall))
	}
	return c
}

// read is a packet as gopacket reads it from a file.
type read struct {
	at        time.Duration
	bytes, of int
}

func readBack(t *testing.T, file []byte) (all []read) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if r.LinkType() != layers.LinkTypeEthernet {
		t.Errorf("link type %v", r.LinkType())
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read{info.Timestamp.Sub(midnight), len(data), info.Length})
	}
	i, err := r.Interface(0)
	if err != nil || i.Name != "eth0" {
		t.Errorf("interface %+v, %v", i, err)
	}
	if c := r.SectionInfo().Comment; c != "BFD session 11 from 192.0.2.9 to 192.0.2.1 on eth0" {
		t.Errorf("the section says %q", c)
	}
	return all
}

// options are those of each packet block, read without gopacket, which knows none.
func options(t *testing.T, file []byte) (all []map[uint16]string) {
	t.Helper()
	le := binary.LittleEndian
	for len(file) > 0 {
		n := le.Uint32(file[4:])
		block := file[:n]
		if le.Uint32(block[n-4:]) != n || n%4 != 0 {
			t.Fatalf("a block of %d bytes ends with %d", n, le.Uint32(block[n-4:]))
		}
		file = file[n:]
		if le.Uint32(block) != enhancedPacket {
			continue
		}
		o, found := block[28+(le.Uint32(block[20:])+3)&^3:n-4], map[uint16]string{}
		for code := le.Uint16(o); code != optionEnd; code = le.Uint16(o) {
			length := le.Uint16(o[2:])
			found[code] = string(o[4 : 4+length])
			o = o[4+(length+3)&^3:]
		}
		all = append(all, found)
	}
	return all
}

func TestFile(t *testing.T) {
	var file bytes.Buffer
	c := session(
		flight.Frame{At: 10, Data: frame(66), Len: 66, Repeats: 7, Last: 50, Heard: 5},
		flight.Frame{At: 20, Sent: true, Data: frame(67), Len: 67, NoLink: true},
		flight.Frame{At: 30, Drop: packet.DropTTL, Data: frame(118), Len: 300, Masked: true},
		flight.Frame{At: 40, Rebuilt: true, Heard: 9, Data: frame(66), Len: 66},
	)
	if err := File(&file, c, "xbfd"); err != nil {
		t.Fatal(err)
	}
	want := []read{{10, 66, 66}, {20, 67, 67}, {30, 118, 300}, {40, 66, 66}, {50, 66, 66}}
	if diff := cmp.Diff(want, readBack(t, file.Bytes()), cmp.AllowUnexported(read{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	in, out := "\x01\x00\x00\x00", "\x02\x00\x00\x00"
	wantOptions := []map[uint16]string{
		{optionFlags: in},
		{optionFlags: out, optionComment: "sent by a socket: the Ethernet header was the kernel's"},
		{optionFlags: in, optionComment: "discarded: ttl; the password is masked"},
		{optionFlags: in, optionComment: "rebuilt from the image of what the XDP program hears: the last of 9 such frames"},
		{optionFlags: in, optionComment: "rebuilt: the last of 7 repeats, of which the XDP program heard 5; " +
			"what changes from one to the next, as sequence numbers and digests, is as in the first"},
	}
	if diff := cmp.Diff(wantOptions, options(t, file.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A stream says how many frames are missing, and nothing of it is held back.
func TestStream(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, session(), "xbfd")
	if err != nil {
		t.Fatal(err)
	}
	if got := readBack(t, file.Bytes()); len(got) != 0 {
		t.Errorf("%d packets in the head", len(got))
	}
	long := Frame(&flight.Frame{At: 3, Data: frame(0), Len: 0}, wall)
	long.Comment = strings.Repeat("x", 5000)
	if err := w.Write(&long, 3); err != nil {
		t.Fatal(err)
	}
	if got := readBack(t, file.Bytes()); len(got) != 1 || got[0].at != 3 {
		t.Errorf("read back %+v", got)
	}
	if o := options(t, file.Bytes())[0]; o[optionDrops] != "\x03\x00\x00\x00\x00\x00\x00\x00" || len(o[optionComment]) != maxComment {
		t.Errorf("options %v", o)
	}
}

func TestWriteFails(t *testing.T) {
	if err := File(broken{}, session(), "xbfd"); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("error %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

// The bytes of a frame are digits in JSON, both ways.
func TestJSON(t *testing.T) {
	c := session(flight.Frame{At: 1, Data: []byte{0xbf, 0xd0}, Len: 2})
	text, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(text), `"frame":"bfd0"`) {
		t.Fatalf("%s, %v", text, err)
	}
	var back client.Capture
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, &back, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package explain

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/capture"
)

func TestReadHex(t *testing.T) {
	want := []Frame{{Data: []byte{0x02, 0, 0xbf, 0xd0}, Length: 4}}
	for _, text := range []string{
		"0200bfd0", "0x0200BFD0", "02 00 bf d0\n", "02:00:bf:d0", "02-00-bf-d0", "0200\nbfd0",
		"\t0x0000:  0200 bfd0", "\t0x0000:  0200\n\t0x0010:  bfd0\n",
	} {
		got, err := Read([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
	for text, says := range map[string]string{
		"": "there is no frame", " \n": "there is no frame", "0": "neither", "xyz": "neither", "/etc/x.pcap": "neither",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Files of others' and our own are read.
func TestReadFiles(t *testing.T) {
	a, b := bytes.Repeat([]byte{1}, 66), bytes.Repeat([]byte{2}, 87)
	at := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	info := func(f []byte) gopacket.CaptureInfo {
		return gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f), Length: len(f) + 10}
	}
	var pcap, ng, own bytes.Buffer
	w := pcapgo.NewWriter(&pcap)
	must(t, w.WriteFileHeader(200, layers.LinkTypeEthernet))
	must(t, w.WritePacket(info(a), a))
	must(t, w.WritePacket(info(b), b))
	nw, err := pcapgo.NewNgWriterInterface(&ng, pcapgo.NgInterface{Name: "eth7", LinkType: layers.LinkTypeEthernet}, pcapgo.DefaultNgWriterOptions)
	must(t, err)
	must(t, nw.WritePacket(info(a), a))
	must(t, nw.WritePacket(info(b), b))
	must(t, nw.Flush())
	c := &client.Capture{Peer: netip.MustParseAddr("192.0.2.1"), Interface: "eth7"}
	for _, f := range [][]byte{a, b} {
		c.Frames = append(c.Frames, client.CapturedFrame{Time: at, Frame: f, Length: len(f) + 10, Comment: "x"})
	}
	must(t, capture.File(&own, c, "xbfd"))
	for name, file := range map[string][]byte{"": pcap.Bytes(), "eth7": ng.Bytes(), "eth7 ": own.Bytes()} {
		name = strings.TrimSpace(name)
		want := []Frame{{a, name, len(a) + 10}, {b, name, len(b) + 10}}
		got, err := Read(file)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", name, err, diff)
		}
		for n := range file {
			_, _ = Read(file[:n])
			if got, err := Read(file[:n]); err == nil && len(got) == 2 {
				t.Fatalf("%q: two frames in %d of %d bytes", name, n, len(file))
			}
		}
	}
	other := bytes.Clone(pcap.Bytes())
	binary.LittleEndian.PutUint32(other[20:], 113)
	if _, err := Read(other); err == nil || !strings.Contains(err.Error(), "link type 113") {
		t.Errorf("another link: %v", err)
	}
}

// The other byte order, and a section of it.
func TestReadBigEndian(t *testing.T) {
	pcap, _ := hex.DecodeString("a1b2c3d4000200040000000000000000000000400000000100000000000000000000000200000005bfd0")
	ng, _ := hex.DecodeString("0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c" +
		"00000001000000140001000000000040" + "00000014" +
		"000000030000001400000002bfd00000" + "00000014")
	for name, c := range map[string]struct {
		file []byte
		want Frame
	}{"pcap": {pcap, Frame{[]byte{0xbf, 0xd0}, "", 5}}, "pcapng": {ng, Frame{[]byte{0xbf, 0xd0}, "", 2}}} {
		got, err := Read(c.file)
		if diff := cmp.Diff([]Frame{c.want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// No input does harm, and no more comes out than went in.
func FuzzRead(f *testing.F) {
	f.Add([]byte("0x0000: 0200"))
	f.Add([]byte("\xd4\xc3\xb2\xa1aaaaaaaaaaaaaaaa\x01\x00\x00\x00"))
	ng, _ := hex.DecodeString("0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c")
	f.Add(ng)
	f.Fuzz(func(t *testing.T, input []byte) {
		frames, _ := Read(input)
		total := 0
		for _, fr := range frames {
			if total += len(fr.Data); fr.Length < len(fr.Data) {
				t.Errorf("%d bytes of %d", len(fr.Data), fr.Length)
			}
		}
		if total > len(input) {
			t.Errorf("%d bytes out of %d", total, len(input))
		}
	})
}

// Every frame has an explanation.
func FuzzExplain(f *testing.F) {
	for _, c := range cases() {
		f.Add(c.frame.bytes(f))
	}
	list := sessions()
	e := New(Options{Sessions: list})
	e.worlds["eth0"] = newWorldOfRules(list)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := e.Explain(Frame{Data: b})
		if r.XDP.Reason == "" || r.Engine.Reason == "" || r.Summary == "" {
			t.Errorf("%+v", r)
		}
	})
}

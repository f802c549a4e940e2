package packet_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/packet"
)

// captures lists testdata/captures: how many frames a file holds, and with
// authentication the type and what each end knows as the secret.
var captures = []struct {
	file    string
	frames  int
	typ     packet.AuthType
	secretA string // of 198.18.0.1
	secretB string // of 198.19.0.1
}{
	{file: "plain_v4", frames: 83},
	{file: "plain_v6", frames: 85},
	{file: "admin_down_v4", frames: 120},
	{file: "down_timeout_v4", frames: 125},
	{file: "poll_sequence_v4", frames: 87},
	{file: "frr_echo_v4", frames: 39},
	{file: "sigterm_frr_v4", frames: 34},
	{file: "sigterm_bird_v4", frames: 33},
	{"auth_simple", 93, packet.AuthSimple, "simplepw1", "simplepw1"},
	{"auth_keyed_md5", 93, packet.AuthKeyedMD5, "md5secret", "md5secret"},
	{"auth_meticulous_md5", 93, packet.AuthMeticulousMD5, "metmd5secret", "metmd5secret"},
	{"auth_keyed_sha1", 93, packet.AuthKeyedSHA1, "sha1secret", "sha1secret"},
	{"auth_meticulous_sha1", 93, packet.AuthMeticulousSHA1, "metsha1secret", "metsha1secret"},
	{"auth_mismatch_meticulous_sha1", 12, packet.AuthMeticulousSHA1, "wrongsecret", "rightsecret"},
}

func TestCaptures(t *testing.T) {
	for _, tt := range captures {
		t.Run(tt.file, func(t *testing.T) {
			frames := readCapture(t, tt.file)
			if len(frames) != tt.frames {
				t.Fatalf("%d frames, want %d", len(frames), tt.frames)
			}
			for i, frame := range frames {
				p, r := checkCaptured(t, frame)
				if r.Control.Auth != (tt.typ != 0) || r.Auth.Type != tt.typ {
					t.Fatalf("frame %d: authentication type %d, want %d", i, r.Auth.Type, tt.typ)
				}
				secret := tt.secretB
				if p.Src == addr("198.18.0.1") {
					secret = tt.secretA
				}
				if bfd := view(frame).bfd; tt.typ != 0 && !bytes.Equal(proof(bfd, tt.typ, secret), r.Auth.Data[:r.Auth.N]) {
					t.Errorf("frame %d: the secret does not give the digest of % x", i, bfd)
				}
				if fault := sumFault(frame); fault != "UDP checksum wrong" {
					t.Errorf("frame %d: %q, want a UDP checksum left to the device", i, fault)
				}
				checkRendered(t, frame, p, r)
				p.VLAN, p.PCP = 4001, 6
				checkRendered(t, tag(frame, p), p, r)
			}
		})
	}
}

// Every file of the directory is in the table.
func TestCapturesAreListed(t *testing.T) {
	files, err := filepath.Glob("testdata/captures/*.pcap")
	if err != nil || len(files) != len(captures) {
		t.Errorf("%d capture files, %d in the table: %v", len(files), len(captures), err)
	}
}

// checkCaptured reads a captured frame with both decoders and returns where it
// went and what it says.
func checkCaptured(t *testing.T, frame []byte) (packet.Path, reading) {
	t.Helper()
	r := theirs(t, frame)
	d := r.Datagram
	p := packet.Path{
		SrcMAC: d.SrcMAC, DstMAC: d.DstMAC, Src: d.Src, Dst: d.Dst,
		SrcPort: d.SrcPort, DstPort: d.DstPort, TTL: d.TTL, DSCP: r.DSCP,
	}
	if diff := cmp.Diff(r, ours(t, frame, p)); diff != "" {
		t.Fatalf("% x (-gopacket +ours):\n%s", frame, diff)
	}
	if d.TTL != 255 || d.DstPort != packet.PortControl || r.DSCP != 48 {
		t.Fatalf("TTL %d, port %d, DSCP %d", d.TTL, d.DstPort, r.DSCP)
	}
	return p, r
}

// checkRendered renders what r says along p and holds it against the captured
// frame: byte for byte, once the captured one has our choices of identification,
// DF and flow label, and a checksum.
func checkRendered(t *testing.T, captured []byte, p packet.Path, r reading) {
	t.Helper()
	var bits uint8
	if r.Control.Poll {
		bits |= packet.BitPoll
	}
	if r.Control.Final {
		bits |= packet.BitFinal
	}
	var section *packet.Auth
	if r.Control.Auth {
		section = &r.Auth
	}
	got := put(t, p, r.Control, section, bits)
	want := bytes.Clone(captured)
	v := view(want)
	if !bytes.Equal(view(got).bfd, v.bfd) {
		t.Fatalf("BFD packet\n     % x\nwant % x", view(got).bfd, v.bfd)
	}
	if v.v4 {
		copy(v.ip[4:8], []byte{0, 0, 0x40, 0})
	} else {
		v.ip[1] &= 0xf0
		v.ip[2], v.ip[3] = 0, 0
	}
	v.setIPChecksum()
	v.setUDPChecksum()
	if !bytes.Equal(got, want) {
		t.Fatalf("frame\n     % x\nwant % x", got, want)
	}
	if diff := cmp.Diff(theirs(t, got), ours(t, got, p)); diff != "" {
		t.Fatalf("% x (-gopacket +ours):\n%s", got, diff)
	}
}

// proof computes what the section of bfd must hold for someone who knows
// secret: the password, or the digest over the packet with the zero-padded
// secret in the digest's place (RFC 5880 §6.7.3, §6.7.4).
func proof(bfd []byte, typ packet.AuthType, secret string) []byte {
	if typ == packet.AuthSimple {
		return []byte(secret)
	}
	b := bytes.Clone(bfd)
	digest := b[packet.ControlLen+8:]
	clear(digest)
	copy(digest, secret)
	if typ == packet.AuthKeyedMD5 || typ == packet.AuthMeticulousMD5 {
		sum := md5.Sum(b)
		return sum[:]
	}
	sum := sha1.Sum(b)
	return sum[:]
}

// tag returns frame with the 802.1Q tag that p asks for.
func tag(frame []byte, p packet.Path) []byte {
	b := append(bytes.Clone(frame[:12]), 0x81, 0x00)
	b = binary.BigEndian.AppendUint16(b, uint16(p.PCP)<<13|p.VLAN)
	return append(b, frame[12:]...)
}

func readCapture(t testing.TB, name string) [][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "captures", name+".pcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	var frames [][]byte
	for {
		frame, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatalf("read %s, frame %d: %v", name, len(frames), err)
		}
		frames = append(frames, frame)
	}
}

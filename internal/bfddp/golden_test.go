package bfddp

import (
	"encoding/hex"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var updateGolden = flag.Bool("update-golden", false, "compile testdata/layout.c with cc, run it, and keep what it prints")

const golden = "testdata/layout.golden"

var sameAddr = cmpopts.EquateComparable(netip.Addr{})

// messages are those that testdata/layout.c prints.
var messages = map[string]Message{
	"echo-request": {Type: EchoRequest, ID: 7, Times: Times{0x0102030405060708, 0x1112131415161718}},
	"echo-reply":   {Type: EchoReply, Times: Times{0x0102030405060708, 0x1112131415161718}},
	"add-multihop": {Type: AddSession, Session: Session{
		Flags: Multihop | CBit | Passive, Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("198.51.100.1"),
		LID: 0x86041d0a, MinTx: 50_000, MinRx: 60_000, MinEchoTx: 70_000, MinEchoRx: 80_000, Hold: 90_000, TTL: 254, DetectMult: 3,
	}},
	"delete-ipv6": {Type: DeleteSession, Session: Session{
		Flags: Demand | Echo | IPv6 | Shutdown, Src: netip.MustParseAddr("fe80::2"), Dst: netip.MustParseAddr("fe80::1"),
		LID: 0x86041d0a, MinTx: 50_000, MinRx: 60_000, MinEchoTx: 70_000, MinEchoRx: 80_000, Hold: 90_000, TTL: 255, DetectMult: 3,
		Ifindex: 4, Ifname: "eth0",
	}},
	"state-change": {Type: StateChange, State: State{
		LID: 0x86041d0a, RID: 0x0a0b0c0d, Flags: RemoteCBit | RemoteMultipoint,
		DesiredTx: 1_000_000, RequiredRx: 300_000, RequiredEchoRx: 50_000, State: 3, Diag: 1, DetectMult: 5,
	}},
	"request-counters": {Type: RequestCounters, ID: 0x1234, LID: 0x86041d0a},
	"session-counters": {Type: SessionCounters, ID: 0x1234, Counters: Counters{
		LID: 0x86041d0a, Control: Traffic{1, 2, 3, 4}, Echo: Traffic{5, 6, 7, 1 << 40},
	}},
}

// TestLayout holds the codec against what a C compiler makes of the structures.
func TestLayout(t *testing.T) {
	if *updateGolden {
		program := filepath.Join(t.TempDir(), "layout")
		if out, err := exec.Command("cc", "-Wall", "-o", program, "testdata/layout.c").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	left := len(messages)
	for line := range strings.Lines(string(source)) {
		name, bytes, _ := strings.Cut(strings.TrimSpace(line), " ")
		m, known := messages[name]
		if !known {
			t.Errorf("%s: no such message here", name)
			continue
		}
		left--
		if diff := cmp.Diff(bytes, hex.EncodeToString(m.Append(nil))); diff != "" {
			t.Errorf("%s (-C +Go):\n%s", name, diff)
		}
		raw, err := hex.DecodeString(bytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(raw)
		if diff := cmp.Diff(m, got, sameAddr); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if left != 0 {
		t.Errorf("%d messages are not in %s", left, golden)
	}
}

// TestFromFRR decodes what bfdd 8.4.4 sends for a peer at 50 ms.
func TestFromFRR(t *testing.T) {
	raw, err := hex.DecodeString("010000020000008c" + "00000000" +
		"c612c801000000000000000000000000" + "c612c902000000000000000000000000" +
		"86041d0a" + "0000c350" + "0000c350" + "0000c350" + "0000c350" + "00000000" + "ff030000" + "00000000" + strings.Repeat("00", 64))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(raw)
	want := Message{Type: AddSession, Session: Session{
		Src: netip.MustParseAddr("198.18.200.1"), Dst: netip.MustParseAddr("198.18.201.2"),
		LID: 0x86041d0a, MinTx: 50_000, MinRx: 50_000, MinEchoTx: 50_000, MinEchoRx: 50_000, TTL: 255, DetectMult: 3,
	}}
	if diff := cmp.Diff(want, got, sameAddr); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

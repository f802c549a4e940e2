package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/capture"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/explain"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// explained are frames of the peer 192.0.2.1 to 192.0.2.9.
func explained(edit func(*packet.Path, *packet.Control)) []byte {
	path := packet.Path{SrcMAC: packet.MAC{2, 1}, DstMAC: packet.MAC{2, 2}, SrcPort: 49152, DstPort: packet.PortControl, TTL: 255}
	path.Src, path.Dst = packet.AddrFrom(netip.MustParseAddr("192.0.2.1")), packet.AddrFrom(netip.MustParseAddr("192.0.2.9"))
	c := packet.Control{State: packet.Up, DetectMult: 3, MyDiscr: 511, YourDiscr: 11, DesiredMinTx: 10000, RequiredMinRx: 10000}
	edit(&path, &c)
	var t packet.Template
	t.Render(&path, &c, nil)
	b := make([]byte, packet.MaxFrame)
	return b[:t.Put(b, 0)]
}

// ifname is an interface that no host has, so that no address of one matters.
const ifname = "none0"

func TestExplain(t *testing.T) {
	testnet.RequireRoot(t)
	dir := t.TempDir()
	frames := []func(*packet.Path, *packet.Control){
		func(*packet.Path, *packet.Control) {},
		func(p *packet.Path, _ *packet.Control) { p.TTL = 64 },
		func(_ *packet.Path, c *packet.Control) { c.State = packet.Down },
		func(_ *packet.Path, c *packet.Control) { c.DetectMult = 0 },
		func(_ *packet.Path, c *packet.Control) { c.YourDiscr = 12345 },
		func(p *packet.Path, _ *packet.Control) { p.VLAN = 7 },
		func(p *packet.Path, _ *packet.Control) { p.Src, p.Dst = p.Dst, p.Src },
	}
	c := &client.Capture{Interface: ifname}
	daemon := controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", ifname))
	for _, edit := range frames {
		f := explained(edit)
		c.Frames = append(c.Frames, client.CapturedFrame{Time: controltest.When, Direction: "rx", Length: len(f), Frame: f})
	}
	var file bytes.Buffer
	if err := capture.File(&file, c, "test"); err != nil {
		t.Fatal(err)
	}
	pcap, yaml := filepath.Join(dir, "x.pcapng"), filepath.Join(dir, "x.yaml")
	write := func(name string, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(pcap, file.Bytes())
	write(yaml, []byte("peers: [{peer: 192.0.2.1, interface: "+ifname+", auth: {key: 1}}]\nkeys: [{id: 1, type: keyed-sha1, secret: hunter2}]\n"))
	write(filepath.Join(dir, "empty.pcap"), file.Bytes()[:0])
	hex, _ := client.HexBytes(c.Frames[2].Frame).MarshalText()
	text := transcript(t, daemon,
		"explain "+pcap,
		"explain "+string(hex),
		"explain "+string(hex)+" -c "+yaml,
		"explain "+string(hex)+" --interface eth1",
		"explain",
		"explain /no/such/file",
		"explain "+filepath.Join(dir, "empty.pcap"),
		"explain 0200 -o xml",
	)
	text = strings.ReplaceAll(strings.ReplaceAll(text, dir, "DIR"), string(hex), "020100000000…")
	golden(t, "explain", text)

	socket := controltest.Serve(t, daemon)
	r := xbfd(env{stdin: &file}, "--control "+socket+" explain - -o json")
	var reports []explain.Report
	if err := json.Unmarshal([]byte(r.out), &reports); err != nil || len(reports) != len(frames) || reports[1].Engine.Verdict != "not-reached" ||
		reports[2].Engine.To != "down" || reports[2].XDP.By != "program" {
		t.Errorf("%v: %+v", err, reports)
	}
	if r := xbfd(env{}, "--control "+dir+"/none explain 0200"); r.status != exitNoDaemon || !strings.Contains(r.err, "-c FILE") {
		t.Errorf("status %d: %s", r.status, r.err)
	}
}

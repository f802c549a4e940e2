package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/internal/control/controltest"
)

func TestCapture(t *testing.T) {
	golden(t, "capture", transcript(t, backend(),
		"session capture 192.0.2.1",
		"session capture 11 -o json",
		"session capture 11 -o yaml -w x.pcapng",
		"session capture 99",
		"session capture",
		"session capture 11 -w /nonexistent/x.pcapng",
	))
}

// A file and a stream are read by others.
func TestCaptureFile(t *testing.T) {
	socket := controltest.Serve(t, backend())
	dir := t.TempDir()
	name := filepath.Join(dir, "x.pcapng")
	if r := xbfd(env{}, "--control "+socket+" session capture 11 -w "+name); r.status != exitDone || r.out+r.err != "" {
		t.Fatalf("status %d: %s%s", r.status, r.out, r.err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	live := xbfd(env{}, "--control "+socket+" session capture 11 -w -")
	if live.status != exitDone || live.err != "" {
		t.Errorf("live: status %d: %s", live.status, live.err)
	}
	for what, c := range map[string]struct {
		bytes []byte
		want  int
	}{"file": {file, 4}, "live": {[]byte(live.out), 3}} {
		r, err := pcapgo.NewNgReader(bytes.NewReader(c.bytes), pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			if _, _, err := r.ReadPacketData(); err != nil {
				break
			}
		}
		if n != c.want {
			t.Errorf("%s: %d packets, want %d", what, n, c.want)
		}
	}
	if r := xbfd(env{}, "--control "+socket+" session capture 99 -w "+filepath.Join(dir, "none")); r.status != exitFailed {
		t.Errorf("status %d", r.status)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

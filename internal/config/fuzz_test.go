package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no input makes Parse panic, and every answer is a valid Config or
// an *Error that can be shown.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/errors/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no seeds: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		cfg, err := Parse(source, "x")
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || len(refused.Problems) == 0 || refused.Detail() == "" {
				t.Fatalf("not an *Error that says something: %#v", err)
			}
			return
		}
		pool := map[uint32]bool{}
		for _, k := range cfg.Keys {
			if pool[k.ID] || k.Secret.Len() < 1 || k.Secret.Len() > k.Method.Type.MaxSecret() {
				t.Fatalf("accepted %+v", k)
			}
			pool[k.ID] = true
		}
		again := written(t, cfg)
		for i, p := range cfg.Peers {
			if again.Peers[i].Line = p.Line; again.Peers[i] != p {
				t.Fatalf("%+v, written and read back, is %+v", p, again.Peers[i])
			}
		}
		keys := map[Key]bool{}
		for _, p := range cfg.Peers {
			if keys[p.Key()] {
				t.Fatalf("%v stands twice", p.Key())
			}
			keys[p.Key()] = true
			if p.Auth.On && !pool[p.Auth.Key] {
				t.Fatalf("accepted %+v without its key", p)
			}
			if p.EchoTx != 0 && (p.EchoTx < minTx || !cfg.EchoSource.Set()) || p.EchoRx != 0 && (p.EchoRx < minTx || p.Multihop) ||
				p.Multihop != (p.MinTTL != 0) || p.Unaffiliated && !cfg.EchoSource.Set() {
				t.Fatalf("accepted %+v with %+v", p, cfg.EchoSource)
			}
			if same, faults := p.With(Settings{}); same != p || faults != nil {
				t.Fatalf("without a change, %+v becomes %+v: %v", p, same, faults)
			}
			if p.DesiredMinTx < minTx || p.RequiredMinRx == 0 && !p.HoldDown || p.DetectMult == 0 || p.DSCP > maxDSCP || !p.Peer.IsValid() {
				t.Fatalf("accepted %+v", p)
			}
			if _, faults := NewPeer(p.Key(), "", Settings{}, nil); faults != nil {
				t.Fatalf("accepted %+v, which is refused by itself: %v", p, faults)
			}
		}
	})
}

// FuzzInterval: whatever is accepted can be written and read back unchanged.
func FuzzInterval(f *testing.F) {
	for _, text := range []string{"50ms", "3.3ms", "100us", "1s", "300", "4294.967295s", "1.5us", ".", "9999999999999999s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		us, err := ParseInterval(text, Milliseconds)
		if err != nil {
			return
		}
		again, err := ParseInterval(FormatInterval(uint64(us)), Milliseconds)
		if err != nil || again != us {
			t.Fatalf("%q is %dus, written as %s, read back as %d, %v", text, us, FormatInterval(uint64(us)), again, err)
		}
	})
}

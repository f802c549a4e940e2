package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/packet"
)

// marker is part of every secret in the tests, so that one that is shown
// anywhere can be found.
const marker = "hunter2"

// TestKeyTypes: every type, each with the longest secret that it takes.
func TestKeyTypes(t *testing.T) {
	want := map[string]packet.AuthMethod{
		"simple-password":       {Type: packet.AuthSimple},
		"keyed-md5":             {Type: packet.AuthKeyedMD5},
		"meticulous-keyed-md5":  {Type: packet.AuthMeticulousMD5},
		"keyed-sha1":            {Type: packet.AuthKeyedSHA1},
		"meticulous-keyed-sha1": {Type: packet.AuthMeticulousSHA1},
		"frr-hmac-sha1":         {Type: packet.AuthKeyedSHA1, HMAC: true},
	}
	if len(KeyTypes) != len(want) {
		t.Errorf("types %q", KeyTypes)
	}
	for _, name := range KeyTypes {
		secret := strings.Repeat("x", want[name].Type.MaxSecret())
		for source, fits := range map[string]bool{
			fmt.Sprintf("keys: [{id: 0, type: %s, secret: %s}]", name, secret):           true,
			fmt.Sprintf("keys: [{id: 0, type: %s, secret: %sx}]", name, secret):          false,
			fmt.Sprintf("keys: [{id: 0, type: %s, secret-hex: '%x'}]", name, secret):     true,
			fmt.Sprintf("keys: [{id: 0, type: %s, secret-hex: '%x'}]", name, secret+"x"): false,
		} {
			cfg, err := Parse([]byte(source), "x")
			if (err == nil) != fits {
				t.Errorf("%s: %v", source, err)
			}
			if err != nil {
				continue
			}
			key := []AuthKey{{Method: want[name], Secret: packet.NewSecret([]byte(secret)), Line: 1}}
			if diff := cmp.Diff(key, cfg.Keys, compare); diff != "" || KeyTypeName(cfg.Keys[0].Method) != name {
				t.Errorf("%s (-want +got):\n%s", source, diff)
			}
		}
	}
}

func TestSecretForms(t *testing.T) {
	dir := t.TempDir()
	file := func(name, contents string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(contents), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct{ name, form, want, warning string }{
		{"text", `secret: hunter2`, "hunter2", ""},
		{"digits are text", `secret: 0042`, "0042", ""},
		{"quoted", `secret: "a\x00b"`, "a\x00b", ""},
		{"not ASCII", `secret: "schlüssel"`, "schlüssel", ""},
		{"hex", `secret-hex: 00FfAa`, "\x00\xff\xaa", ""},
		{"file", "secret-file: " + file("plain", "hunter2", 0o600), "hunter2", ""},
		{"line of a file", "secret-file: " + file("line", "hunter2\n", 0o600), "hunter2", ""},
		{"two lines of a file", "secret-file: " + file("lines", "hunter2\n\n", 0o600), "hunter2\n", ""},
		{"line of another system", "secret-file: " + file("crlf", "hunter2\r\n", 0o600), "hunter2", ""},
		{"bytes of a file", "secret-file: " + file("bytes", "\xff\x00\r", 0o640), "\xff\x00\r", ""},
		{"open file", "secret-file: " + file("open", "hunter2", 0o644), "hunter2",
			"x:1:47: keys[0].secret-file: every user of this host can read the file: chmod 600 it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := Parse([]byte("keys: [{id: 1, type: keyed-sha1, "+tt.form+"}]"), "x")
			if err != nil {
				t.Fatal(err)
			}
			if want := packet.NewSecret([]byte(tt.want)); cfg.Keys[0].Secret != want {
				t.Errorf("another secret of %d bytes", cfg.Keys[0].Secret.Len())
			}
			warnings := ""
			for _, w := range cfg.Warnings {
				warnings += w.String() + w.Excerpt()
			}
			if warnings != tt.warning {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
	for name, tt := range map[string]struct{ path, want string }{
		"too long": {file("long", strings.Repeat("x", 22), 0o600), "has 22 bytes as text, but keyed-sha1 takes 1 to 20"},
		"empty":    {file("empty", "\n", 0o600), "is empty"},
		"huge":     {file("huge", strings.Repeat("x", MaxSecretFile+1), 0o600), "has 4097 bytes, far more than a secret"},
	} {
		_, err := Parse([]byte("keys: [{id: 1, type: keyed-sha1, secret-file: "+tt.path+"}]"), "x")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsStaySecret breaks a file in every place and looks for the secret in
// what is said of it.
func TestSecretsStaySecret(t *testing.T) {
	for _, whole := range []string{
		"log: {level: info}\nkeys:\n  - id: 1\n    type: keyed-sha1\n    secret: hunter2\n  - {id: 2, type: keyed-md5, secret: \"hunter2\"}\npeers: [{peer: 192.0.2.1, auth: {key: 1}}]\n",
		"{keys: [{id: 1, type: keyed-sha1, secret: hunter2},\n {type: keyed-md5,\n secret: 'hunter2', id: 2}], peers: []}",
		"profiles: {}\nkeys:\n- id: 3\n  secret: |-\n   hunter2\n  type: keyed-sha1\n- secret: >\n   hunter2\n  type: keyed-md5\n  id: 4\n",
	} {
		if cfg, err := Parse([]byte(whole), "x"); err != nil || len(cfg.Keys) == 0 {
			t.Fatalf("%v in\n%s", err, whole)
		} else {
			text, _ := json.Marshal(cfg)
			if shown := fmt.Sprintf("%v %+v %#v %s", cfg, cfg.Keys, cfg.Keys, text); strings.Contains(shown, marker) {
				t.Errorf("shown: %s", shown)
			}
		}
		for i := range len(whole) {
			// One character too few, each of many too much.
			broken := []string{whole[:i] + whole[i+1:], whole[:i]}
			for _, c := range "x:,{}[]'\"\t\n*&!|#- \\" {
				broken = append(broken, whole[:i]+string(c)+whole[i:])
			}
			for _, source := range broken {
				cfg, err := Parse([]byte(source), "x")
				shown := fmt.Sprintf("%+v", cfg)
				if e, ok := err.(*Error); ok {
					shown += e.Detail()
				}
				for _, w := range cfg.Warnings {
					shown += w.String() + w.Excerpt()
				}
				if strings.Contains(source, marker) && strings.Contains(shown, marker) {
					t.Fatalf("source\n%s\nshown\n%s", source, shown)
				}
			}
		}
	}
}

func TestAuthOfProfile(t *testing.T) {
	source := "profiles: {p: {auth: {key: 1, bfd-key-id: 9}}}\nkeys: [{id: 1, type: keyed-md5, secret: x}, {id: 2, type: keyed-md5, secret: x}]\n" +
		"peers: [{peer: 192.0.2.1, profile: p}, {peer: 192.0.2.2, profile: p, auth: {key: 2}}, {peer: 192.0.2.3}]"
	cfg, err := Parse([]byte(source), "x")
	if err != nil {
		t.Fatal(err)
	}
	var got []Auth
	for _, p := range cfg.Peers {
		got = append(got, p.Auth)
	}
	if diff := cmp.Diff([]Auth{{true, 1, 9}, {true, 2, 2}, {}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other, err := Parse([]byte(strings.Replace(source, "bfd-key-id: 9", "bfd-key-id: 8", 1)), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, changed := Diff(cfg.Peers, other.Peers); len(changed) != 1 || changed[0].Auth.KeyID != 8 {
		t.Errorf("changed %+v", changed)
	}
}

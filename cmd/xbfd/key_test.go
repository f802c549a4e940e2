package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"text": "hunter2\n", "hex": "68756E74657232\n", "long": "hunter2hunter2hun\n", "empty": "\n", "huge": strings.Repeat("hunter2", 1000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	b := backend()
	b.AddKey(1, "keyed-sha1")
	shown := transcript(t, b,
		"key set 2 --type meticulous-keyed-sha1 --secret-file text",
		"key set 300 --type frr-hmac-sha1 --secret-file hex --hex",
		"key list",
		"session auth activate 192.0.2.1 --conf-key-id 2 --bfd-key-id 13 --delayed",
		"session show 192.0.2.1",
		"session auth activate 192.0.2.1 --conf-key-id 2",
		"session auth deactivate --peer fe80::1 --interface eth0 --delayed",
		"session auth deactivate 192.0.2.1 --delayed -o json",
		"session add --peer-addr 192.0.2.5 --conf-key-id 300 --bfd-key-id 0",
		"session show 192.0.2.5 -o yaml",
		"key list -o json",
		"key del 300",
		"session del 192.0.2.5",
		"key del 300",
		"key del 300",
		"key del 1",
		"session auth deactivate 192.0.2.1",
		"session show 192.0.2.1 -o json",

		"key set 3 --type keyed-md5 --secret-file long",
		"key set 3 --type keyed-md5 --secret-file empty",
		"key set 3 --type keyed-md5 --secret-file text --hex",
		"key set 3 --type keyed-md5 --secret-file huge",
		"key set 3 --type keyed-md5 --secret-file none",
		"key set 3 --type keyed-md5 --secret hunter2",
		"key set 3 --type keyed-md5",
		"key set 3 --type keyed-md5 --secret-file text --secret-stdin",
		"key set 3 --type keyed-md --secret-file text",
		"key set 3 --secret-file text",
		"key set first --type keyed-md5 --secret-file text",
		"key set --type keyed-md5 --secret-file text",
		"key del -1",
		"key",
		"session auth",
		"session auth activate 192.0.2.1",
		"session auth activate 192.0.2.1 --conf-key-id 99",
		"session auth activate 192.0.2.1 --conf-key-id 300",
		"session auth activate 192.0.2.1 --bfd-key-id 1",
		"session auth activate 192.0.2.1 --conf-key-id 1 --bfd-key-id 256",
		"session add --peer-addr 192.0.2.6 --bfd-key-id 1",
	)
	golden(t, "keys", shown)
	for line := range strings.Lines(shown) {
		if strings.Contains(line, "hunter2") && !strings.HasPrefix(line, "$ xbfd key set 3 ") {
			t.Errorf("a secret is shown: %s", line)
		}
	}
}

func TestSecretFromStdin(t *testing.T) {
	for stdin, want := range map[string]result{
		"hunter2\n": {out: "key 4 of type simple-password set\n"},
		"":          {err: "xbfd: secret in standard input: is empty: simple-password takes 1 to 16 bytes\n", status: exitFailed},
	} {
		socket := controltest.Serve(t, backend())
		got := xbfd(env{stdin: strings.NewReader(stdin)}, "key set 4 --type simple-password --secret-stdin --control "+socket)
		if got != want {
			t.Errorf("%q: %+v", stdin, got)
		}
	}
}

func TestPeerDigest(t *testing.T) {
	for digest, want := range map[string]string{
		"":     "keyed-sha1 with key 1, BFD key id 2",
		"hmac": "keyed-sha1 with key 1, BFD key id 2; the peer makes HMAC digests, as FRR does",
		"rfc":  "keyed-sha1 with key 1, BFD key id 2; the peer makes digests as RFC 5880 says",
	} {
		a := &control.SessionAuth{AuthUse: control.AuthUse{Type: "keyed-sha1", Key: 1, KeyID: 2}, PeerDigest: digest}
		if got := authentication(a); got != want {
			t.Errorf("%q: %s", digest, got)
		}
	}
}

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestCommandsRefused gives a running daemon commands that cannot be meant, and
// ones that it has to refuse: one sentence names what is wrong and what to do, the
// exit status says which of the two it was, and nothing has changed.
func TestCommandsRefused(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	start(t, b, pair(b, a))
	const more = "keys: [{id: 1, type: keyed-sha1, secret: a}]\nprofiles: {p: {detect-multiplier: 10}}\n"
	peers := "peers:\n  - {peer: 192.0.2.2, interface: a, profile: p, transmit-interval: 50ms, receive-interval: 50ms}\n" +
		"  - {peer: 192.0.2.77, interface: a, auth: {key: 1}}\n"
	d := start(t, a, more+peers)
	d.waitState(t, b.v4, "up")
	settled(t, d, b)
	before := d.session(t, b.v4)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("b\n"), 0o600))
	const usage, refusal, none = 2, 1, 3
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"session set 192.0.2.2 --detect-mult 0", usage, "--detect-mult.*want a whole number from 1 to 255"},
		{"session set 192.0.2.2 --desired-min-tx fast", usage, "--desired-min-tx.*write a number and us, ms or s"},
		{"session set 192.0.2.2 --passive=perhaps", usage, "--passive.*want true or false"},
		{"session set 192.0.2.2 --detect-multi 3", usage, "unknown flag: --detect-multi"},
		{"session set 192.0.2.2", usage, "nothing to set: say what to change"},
		{"session set --detect-mult 3", usage, "which session\\? Give"},
		{"session add", usage, "with whom\\? Give --peer-addr"},
		{"session add --peer-addr router", usage, "names are not looked up, so write"},
		{"session add --peer-addr 192.0.2.9 --bfd-key-id 1", usage, "--bfd-key-id goes with --conf-key-id"},
		{"session diag 192.0.2.2 echo-failed", usage, "no diagnostic \"echo-failed\" to set: there are"},
		{"session auth activate 192.0.2.2", usage, "by which key\\? Give --conf-key-id"},
		{"session flap 192.0.2.2", usage, "has no command \"flap\""},
		{"key set 2 --type sha1 --secret-file " + secret, usage, "--type.*want one of"},
		{"key set 2 --type keyed-sha1", usage, "--secret-file"},
		{"key set two --type keyed-sha1 --secret-file " + secret, usage, "ID: want a whole number"},
		{"key del one", usage, "ID: want a whole number"},
		{"echo-source set", usage, "Give --interface or --address"},
		{"sessions --state UP", usage, "want one of"},
		{"sessions --sort age", usage, "want one of"},
		{"sessions -o xml", usage, "want one of"},
		{"debug peer perhaps", usage, "on or off"},
		{"counters now", usage, "unknown command \"now\""},
		{"config chek x", usage, "did you mean \"check\""},

		{"session show 192.0.2.99", refusal, "no session with peer 192.0.2.99"},
		{"session show 4242", refusal, "no session with local discriminator 4242"},
		{"session show first", refusal, "\"first\" is neither the address of a peer nor a local discriminator"},
		{"session add --peer-addr 192.0.2.2 --interface a", refusal, "a session with peer 192.0.2.2 already: local discriminator [0-9]+, owner file"},
		{"session add --peer-addr fe80::9", refusal, "interface: is missing: .* so name the interface"},
		{"session add --peer-addr 192.0.2.9 --vrf a/b", refusal, "\"a/b\" cannot be the name of a VRF"},
		{"session add --peer-addr 192.0.2.9 --conf-key-id 99", refusal, "key: no key 99"},
		{"session add --peer-addr 192.0.2.9 --multihop", refusal, "local: is missing: .* give the address"},
		{"session set 192.0.2.2 --minimum-ttl 9", refusal, "minimum-ttl: is for multihop: .*remove"},
		{"session set 192.0.2.2 --desired-min-tx 0", refusal, "desired-min-tx-us: 0 is reserved .* set 100us or more"},
		{"session set 192.0.2.2 --required-min-rx 0", refusal, "required-min-rx-us: 0 tells the peer to send nothing.*set 1us or more"},
		{"session set 192.0.2.2 --echo-transmit-interval 10ms", refusal, "echo-transmit-interval-us: .*set echo-mode"},
		{"session del 192.0.2.2", refusal, "belongs to the file: remove it there and reload"},
		{"session poll 192.0.2.77", refusal, "is down: only one that is up can poll"},
		{"session auth activate 192.0.2.2 --conf-key-id 99", refusal, "no key 99"},
		{"session clear 192.0.2.99", refusal, "no session with peer 192.0.2.99"},
		{"key set 1 --type keyed-sha1 --secret-file " + secret, refusal, "key 1 belongs to the file: change it there and reload"},
		{"key set 2 --type keyed-sha1 --secret-file /nowhere", refusal, "/nowhere"},
		{"key del 1", refusal, "key 1 belongs to the file: change it there and reload"},
		{"key del 7", refusal, "no key 7"},
		{"echo-source set --address 127.0.0.1", refusal, "127.0.0.1 does not leave this host: give another"},
		{"echo-source set --interface much-too-long-a-name", refusal, "at most 15 characters"},
		{"--control " + secret + ".none session show 192.0.2.2", none, "no daemon answers on .*: start one with \"xbfd run\""},
		{"--control " + secret + ".none counters --clear", none, "no daemon answers on .*: start one with \"xbfd run\""},
	} {
		r := xbfd(t, a, append([]string{"--control", d.control}, strings.Fields(c.line)...)...)
		lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
		if c.code == usage {
			lines = lines[:len(lines)-1] // See xbfd … --help.
		}
		if r.code != c.code || r.stdout != "" || len(lines) != 1 || !regexp.MustCompile("^xbfd: .*"+c.says).MatchString(lines[0]) {
			t.Errorf("%s: status %d, want %d with %s\n%s%s", c.line, r.code, c.code, c.says, r.stdout, r.stderr)
		}
	}
	d.write(t, strings.Replace(more, "secret: a", "secret: b", 1)+peers)
	if r := xbfd(t, a, "--control", d.control, "reload"); r.code != refusal || !strings.Contains(r.stderr, "key 1 is in use (1) and cannot be changed: add a key with a new id") {
		t.Errorf("a key in use: %+v", r)
	}
	nobody := a.Command(t.Context(), xbfdPath, "--control", d.control, "sessions")
	nobody.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	nobody.Dir = "/"
	if r := finish(t, nobody); r.code != refusal || !strings.Contains(r.stderr, "no permission to use "+d.control+": run as root or as a member of the socket's group") {
		t.Errorf("as nobody: %+v", r)
	}
	unmoved(t, before, d.session(t, b.v4))
}

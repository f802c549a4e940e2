package packet

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
)

// The known answers are those of auth_test.go, made by an independent program:
// key id 7, key "secret", sequence 0xfffffffe.
var digestAnswers = []struct {
	method AuthMethod
	hex    string
}{
	{AuthMethod{Type: AuthKeyedMD5}, "20c4033011223344556677880000c3500000c3500000000002180700fffffffe9fca56e87b2d4550762df82202dfd262"},
	{AuthMethod{Type: AuthMeticulousMD5}, "20c4033011223344556677880000c3500000c3500000000003180700fffffffed0d372743b328d79825fbf202083a6c9"},
	{AuthMethod{Type: AuthKeyedSHA1}, "20c4033411223344556677880000c3500000c35000000000041c0700fffffffe801e85cbf77d1b97ed07cf3cdb416b29a702d281"},
	{AuthMethod{Type: AuthMeticulousSHA1}, "20c4033411223344556677880000c3500000c35000000000051c0700fffffffeb215d3400423710467310d90c10b591006809a64"},
	{AuthMethod{Type: AuthKeyedSHA1, HMAC: true}, "20c4033411223344556677880000c3500000c35000000000041c0700fffffffe836aaf81995a79c2892daa24fc0dd3239c5f9f3a"},
}

func section(t *testing.T, b []byte) *Auth {
	t.Helper()
	a := new(Auth)
	if d := DecodeAuth(b[ControlLen:], a); d != DropNone {
		t.Fatal(d)
	}
	return a
}

func TestDigests(t *testing.T) {
	secret := NewSecret([]byte("secret"))
	for _, k := range digestAnswers {
		want, err := hex.DecodeString(k.hex)
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte(nil), want...)
		clear(b[ControlLen+authDigestFrom:])
		k.method.Sign(b, &secret)
		if string(b) != string(want) {
			t.Errorf("%+v signs\n%x, want\n%x", k.method, b, want)
		}
		for i, other := range digestAnswers {
			same := digestAnswers[i] == k
			if got := other.method.Verify(want, section(t, want), &secret); got != same {
				t.Errorf("%+v accepts the packet of %+v: %v", other.method, k.method, got)
			}
		}
		wrong := NewSecret([]byte("secres"))
		if k.method.Verify(want, section(t, want), &wrong) {
			t.Errorf("%+v accepts another key", k.method)
		}
		for i := range want {
			if i >= ControlLen && i < ControlLen+4 && i != ControlLen+3 {
				continue // what DecodeAuth judges
			}
			bad := append([]byte(nil), want...)
			bad[i] ^= 1
			if k.method.Verify(bad, section(t, bad), &secret) {
				t.Errorf("%+v accepts a packet with byte %d changed", k.method, i)
			}
		}
	}
	rows.Covers(t, "5880-6.7.3-02", "5880-6.7.4-02")
}

func TestPassword(t *testing.T) {
	b, _ := hex.DecodeString("20c4032111223344556677880000c3500000c35000000000010907736563726574")
	m := AuthMethod{Type: AuthSimple}
	for password, want := range map[string]bool{"secret": true, "secre": false, "secret1": false, "Secret": false, "": false} {
		s := NewSecret([]byte(password))
		if got := m.Verify(b, section(t, b), &s); got != want {
			t.Errorf("password %q: %v", password, got)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := NewSecret([]byte("hush"))
	text, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, &s) + string(text)
	if strings.Contains(all, "hush") || strings.Contains(all, "68757368") || strings.Contains(all, "104 117") {
		t.Error(all)
	}
	rows.Covers(t, "5880-6.7.3-03")
}

func TestDigestAllocatesNothing(t *testing.T) {
	secret := NewSecret([]byte("secret"))
	for _, k := range digestAnswers {
		b, _ := hex.DecodeString(k.hex)
		a := section(t, b)
		if n := testing.AllocsPerRun(100, func() {
			if !k.method.Verify(b, a, &secret) {
				t.Error("not accepted")
			}
			k.method.Sign(b, &secret)
		}); n != 0 {
			t.Errorf("%+v: %v allocations", k.method, n)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	secret := NewSecret([]byte("secret"))
	for _, k := range digestAnswers {
		p, _ := hex.DecodeString(k.hex)
		a := new(Auth)
		DecodeAuth(p[ControlLen:], a)
		b.Run(fmt.Sprintf("verify/type%d-hmac=%v", k.method.Type, k.method.HMAC), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.method.Verify(p, a, &secret)
			}
		})
		b.Run(fmt.Sprintf("sign/type%d-hmac=%v", k.method.Type, k.method.HMAC), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.method.Sign(p, &secret)
			}
		})
	}
}

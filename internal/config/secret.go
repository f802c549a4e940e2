package config

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/xbfd/xbfd/packet"
)

// Secret is a secret as somebody wrote it. It remembers how long it was, which
// only For can judge, and never prints itself.
type Secret struct {
	packet.Secret
	length int // in bytes; Secret has only the first of them
	hex    bool
}

// TextSecret returns the secret whose bytes are those of the text.
func TextSecret(text string) (Secret, error) {
	// Readers of YAML and JSON put this character where bytes are not UTF-8.
	if strings.ContainsRune(text, utf8.RuneError) {
		return Secret{}, fmt.Errorf("is not text in UTF-8: give its bytes in hexadecimal instead")
	}
	return Secret{packet.NewSecret([]byte(text)), len(text), false}, nil
}

// HexSecret returns the secret whose bytes the text spells in hexadecimal.
func HexSecret(text string) (Secret, error) {
	var b []byte
	at := 0
	for _, r := range text {
		at++
		n := strings.IndexRune("0123456789abcdef", r|0x20)
		if n < 0 || r < '0' {
			return Secret{}, fmt.Errorf("character %d is no hexadecimal digit: write two of 0-9 and a-f for each byte", at)
		}
		if at%2 == 1 {
			b = append(b, byte(n)<<4)
		} else {
			b[len(b)-1] |= byte(n)
		}
	}
	if at%2 == 1 {
		return Secret{}, fmt.Errorf("%d hexadecimal digits are not whole bytes: write two for each", at)
	}
	return Secret{packet.NewSecret(b), len(b), true}, nil
}

// FileSecret returns the secret that a file holds, as text or in hexadecimal.
// The end of its last line, which editors add, is not part of it.
func FileSecret(contents []byte, hex bool) (Secret, error) {
	line, ended := bytes.CutSuffix(contents, []byte("\n"))
	if ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	if hex {
		return HexSecret(string(line))
	}
	return Secret{packet.NewSecret(line), len(line), false}, nil
}

// For returns the secret if a key of this kind can have it: RFC 5880 §6.7.2 to
// §6.7.4 say how long each may be.
func (s Secret) For(m packet.AuthMethod) (packet.Secret, error) {
	most := m.Type.MaxSecret()
	switch {
	case s.length == 0:
		return packet.Secret{}, fmt.Errorf("is empty: %s takes 1 to %d bytes", KeyTypeName(m), most)
	case s.length <= most:
		return s.Secret, nil
	case s.hex:
		return packet.Secret{}, fmt.Errorf("has %d bytes (%d hexadecimal digits), but %s takes 1 to %d bytes (%d digits)",
			s.length, 2*s.length, KeyTypeName(m), most, 2*most)
	}
	return packet.Secret{}, fmt.Errorf("has %d bytes as text, but %s takes 1 to %d", s.length, KeyTypeName(m), most)
}

// MaxSecretFile is more than any secret needs, in bytes.
const MaxSecretFile = 4096

// readSecret returns what is in a secret-file and whether every user of this
// host can read it. Errors do not name the file: somebody may have written the
// secret there.
func readSecret(path string) (contents []byte, open bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, false, withoutPath(err)
	case !info.Mode().IsRegular():
		return nil, false, fmt.Errorf("the file is not a regular one")
	case info.Size() > MaxSecretFile:
		return nil, false, fmt.Errorf("the file has %d bytes, far more than a secret: at most %d are read", info.Size(), MaxSecretFile)
	}
	if contents, err = os.ReadFile(path); err != nil {
		return nil, false, withoutPath(err)
	}
	return contents, info.Mode()&0o004 != 0, nil
}

func withoutPath(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		err = e.Err
	}
	return fmt.Errorf("the file cannot be read: %w", err)
}

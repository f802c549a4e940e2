package config

import (
	"strconv"
	"strings"

	"github.com/xbfd/xbfd/packet"
)

// Names of fields of keys and of auth.
const (
	fieldAuth  = "auth"
	fieldKey   = "key"
	fieldKeyID = "bfd-key-id"
)

// Words that stand for no value.
const (
	wordNone     = "none"     // no authentication, where a profile has some
	wordDisabled = "disabled" // no echo of the peer's is returned
)

// keyUse is a place that names a key, which may stand further down the file.
type keyUse struct {
	at value
	id uint32
}

// keys reads the list of keys.
func (d *document) keys(into *[]AuthKey) func(value) {
	return func(v value) {
		d.list(v, func(v value) {
			if k, ok := d.key(v); ok {
				*into = append(*into, k)
			}
		})
	}
}

// key reads one item of keys. In what it says of one it repeats nothing but
// numbers: a secret may stand where something else belongs.
func (d *document) key(v value) (k AuthKey, ok bool) {
	var id *uint32
	kind := ""
	var forms []place // of the secret
	var written Secret
	form := func(read func(value) (Secret, bool)) func(value) {
		return func(v value) {
			s, ok := read(v)
			if len(forms) > 0 {
				d.fault(v, "is a second secret: keep one of secret, secret-hex and secret-file")
			}
			forms, written = append(forms, place{v, !ok}), s
		}
	}
	before := len(d.problems)
	if !d.mapping(v, fields{
		"id":          d.keyNumber(&id),
		"type":        d.keyType(&kind),
		"secret":      form(func(v value) (Secret, bool) { return d.secret(v, TextSecret) }),
		"secret-hex":  form(func(v value) (Secret, bool) { return d.secret(v, HexSecret) }),
		"secret-file": form(d.secretFile),
	}) {
		return k, false
	}
	if id != nil {
		k.ID, k.Line = *id, d.line(v)
		if line, twice := d.keyLines[k.ID]; twice {
			d.fault(v, "key %d stands on line %d already: keep one of them, or give this one another id", k.ID, line)
		} else {
			d.keyLines[k.ID] = k.Line
		}
	}
	var known bool
	switch k.Method, known = KeyType(kind); {
	case !known || len(forms) != 1 || forms[0].faulty:
	case written == masked:
		k.Secret = d.kept(forms[0].value, k)
	default:
		var err error
		if k.Secret, err = written.For(k.Method); err != nil {
			d.fault(forms[0].value, "%s", err)
		}
	}
	if len(d.problems) > before {
		return k, false // what is missing is told when the rest is right
	}
	switch {
	case id == nil:
		d.fault(v, "has no id: give it a number, by which auth names it")
	case kind == "":
		d.fault(v, "has no type: give one of %s", strings.Join(KeyTypes, ", "))
	case len(forms) == 0:
		d.fault(v, "has no secret: give secret, secret-hex or secret-file")
	}
	return k, len(d.problems) == before
}

// masked stands for the secret that a key has already.
var masked = Secret{length: -1}

// kept returns the secret of the running key that k is to go on being.
func (d *document) kept(v value, k AuthKey) packet.Secret {
	if d.running == nil {
		d.fault(v, "%s is what \"config show\" writes in place of a secret: write the secret itself", SecretMask)
		return packet.Secret{}
	}
	for _, have := range d.running {
		if have.ID == k.ID && have.Method == k.Method {
			return have.Secret
		}
	}
	d.fault(v, "%s keeps the secret of a key that there is, and there is none with this id and type: write the secret itself", SecretMask)
	return packet.Secret{}
}

func (d *document) keyNumber(into **uint32) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok {
			return
		}
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			d.fault(v, "is not a whole number from 0 to 4294967295")
			return
		}
		id := uint32(n)
		*into = &id
	}
}

func (d *document) keyType(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if _, known := KeyType(s); ok && !known {
			d.fault(v, "%s", UnknownKeyType(s))
		}
		*into = s
	}
}

func (d *document) secret(v value, parse func(string) (Secret, error)) (Secret, bool) {
	text, ok := d.text(v)
	if !ok {
		return Secret{}, false
	}
	if text == SecretMask {
		return masked, true
	}
	s, err := parse(text)
	if err != nil {
		d.fault(v, "%s", err)
	}
	return s, err == nil
}

func (d *document) secretFile(v value) (Secret, bool) {
	contents, ok := d.secretContents(v)
	if !ok {
		return Secret{}, false
	}
	s, err := FileSecret(contents, false)
	return s, err == nil
}

// secretContents returns what is in the file that v names.
func (d *document) secretContents(v value) ([]byte, bool) {
	path, ok := d.text(v)
	if !ok {
		return nil, false
	}
	if d.running != nil {
		// Who sends a document need not be who may read the file.
		d.fault(v, "goes in a file only: write the secret itself")
		return nil, false
	}
	if !strings.HasPrefix(path, "/") {
		d.fault(v, "is not an absolute path: start it with a slash")
		return nil, false
	}
	contents, open, err := readSecret(path)
	if err != nil {
		d.fault(v, "%s", err)
		return nil, false
	}
	if open {
		d.warn(v, "every user of this host can read the file: chmod 600 it")
	}
	return contents, true
}

// auth reads the auth of a peer or profile. An empty one is an error: a session
// must not lose its authentication because a line was commented out. The word
// none says that this is meant.
func (d *document) auth(into **Auth) func(value) {
	return func(v value) {
		if plain, ok := d.resolve(v); ok && isWord(plain, wordNone) {
			*into = &Auth{}
			return
		}
		var key *uint32
		var keyID *uint8
		at := places{}
		before := len(d.problems)
		ok := d.mapping(v, d.note(at, fields{
			fieldKey:   d.keyNumber(&key),
			fieldKeyID: d.optional(&keyID, "a whole number from 0 to 255"),
		}))
		switch {
		case !ok || len(d.problems) > before:
		case key == nil:
			d.fault(v, "names no key: give the id of one of keys, as in {key: 1}")
		default:
			a, faults := NewAuth(*key, keyID)
			d.faults(v, at, faults)
			d.keyUses = append(d.keyUses, keyUse{at[fieldKey].value, *key})
			*into = &a
		}
	}
}

// resolveKeys looks for the keys that are named. One that is there but wrong
// has been complained of already.
func (d *document) resolveKeys() {
	for _, u := range d.keyUses {
		if _, known := d.keyLines[u.id]; !known {
			d.fault(u.at, "there is no key %d: add it to keys, or name another", u.id)
		}
	}
}

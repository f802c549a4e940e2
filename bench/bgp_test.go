package bench

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the routers announce is read as it is meant.
func TestAnnouncements(t *testing.T) {
	const count = 1000
	path := []uint16{asSpare, asSpare}
	r := bytes.NewReader(announcements(count, path, [4]byte{203, 0, 113, 2}))
	buf := make([]byte, bgpMessage)
	seen := make(map[int]bool)
	for r.Len() > 0 {
		kind, body, err := readMessage(r, buf)
		if err != nil || kind != bgpUpdate {
			t.Fatalf("message of kind %d: %v", kind, err)
		}
		u, err := parseUpdate(body)
		if err != nil || len(u.withdrawn) > 0 {
			t.Fatalf("%+v, %v", u, err)
		}
		if diff := cmp.Diff(path, u.path); diff != "" {
			t.Error(diff)
		}
		for _, k := range u.announced {
			seen[k] = true
		}
	}
	if len(seen) != count {
		t.Errorf("%d prefixes of %d", len(seen), count)
	}
}

func TestParseUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want update
		err  error
	}{
		"withdrawn":         {[]byte{0, 8, 24, 10, 1, 2, 24, 10, 1, 3, 0, 0}, update{withdrawn: []int{258, 259}}, nil},
		"others'":           {[]byte{0, 7, 24, 11, 1, 2, 16, 10, 1, 0, 0}, update{}, nil},
		"a long attribute":  {[]byte{0, 0, 0, 8, 0x50, 2, 0, 4, 2, 1, 1, 2, 24, 10, 0, 0}, update{announced: []int{0}, path: []uint16{258}}, nil},
		"nothing":           {nil, update{}, errShort},
		"half a prefix":     {[]byte{0, 2, 24, 10, 0, 0}, update{}, errShort},
		"half an attribute": {[]byte{0, 0, 0, 4, 0x40, 2, 9, 2}, update{}, errShort},
	} {
		u, err := parseUpdate(c.in)
		if diff := cmp.Diff(c.want, u, cmp.AllowUnexported(update{})); diff != "" || err != c.err {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func FuzzParseUpdate(f *testing.F) {
	f.Add([]byte{0, 4, 24, 10, 1, 2, 0, 11, 0x40, 2, 6, 2, 2, 1, 2, 3, 4, 0x50, 2, 24, 10, 0, 9})
	f.Add(announcements(2, []uint16{asUplink}, [4]byte{198, 18, 0, 2})[bgpHeader:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, err := parseUpdate(b); err == nil && len(u.announced)+len(u.withdrawn) > len(b)/4 {
			t.Errorf("%d bytes, and %+v", len(b), u)
		}
	})
}

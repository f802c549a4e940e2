package bfddp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func bytesOf(name string) []byte {
	m := messages[name]
	return m.Append(nil)
}

// edited returns a message with one byte changed.
func edited(name string, at int, to byte) []byte {
	b := bytesOf(name)
	b[at] = to
	return b
}

// TestBadMessages: what is wrong is said, and whether the stream goes on.
func TestBadMessages(t *testing.T) {
	unended := bytesOf("delete-ipv6")
	for i := range maxNameLength {
		unended[8+68+i] = 'x'
	}
	noPeer := bytesOf("add-multihop")
	copy(noPeer[8+20:], []byte{0, 0, 0, 0})
	noLID := bytesOf("add-multihop")
	copy(noLID[8+36:], []byte{0, 0, 0, 0})
	for _, c := range []struct {
		name   string
		stream []byte
		want   string
		goesOn bool
	}{
		{"version 2", edited("add-multihop", 0, 2), "message of protocol version 2", false},
		{"unknown type", edited("echo-request", 3, 9), "unknown type 9", true},
		{"a state there is not", edited("state-change", 8+24, 4), "state 4", true},
		{"a session in the size of an echo", edited("echo-request", 3, 2), "type 2 has 24 bytes, not 140", true},
		{"a name without end", unended, "name has no end", true},
		{"no peer", noPeer, "no peer address", true},
		{"no discriminator", noLID, "discriminator is 0", true},
		{"shorter than its header", edited("echo-request", 7, 7), "7 bytes: the stream cannot be followed", false},
		{"too long", edited("echo-request", 6, 0xff), "the stream cannot be followed", false},
		{"half a header", bytesOf("echo-request")[:5], io.ErrUnexpectedEOF.Error(), false},
		{"half a message", bytesOf("add-multihop")[:100], io.ErrUnexpectedEOF.Error(), false},
		{"nothing", nil, io.EOF.Error(), false},
	} {
		r := NewReader(bytes.NewReader(append(c.stream, bytesOf("request-counters")...)))
		if !c.goesOn {
			r = NewReader(bytes.NewReader(c.stream))
		}
		_, _, err := r.Next()
		var malformed *Malformed
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &malformed) != c.goesOn {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if !c.goesOn {
			continue
		}
		if m, _, err := r.Next(); err != nil || m.Type != RequestCounters {
			t.Errorf("%s: after it came %v, %v", c.name, m, err)
		}
	}
}

// TestReader reads all messages, however they are cut into pieces.
func TestReader(t *testing.T) {
	var stream []byte
	for name := range messages {
		stream = append(stream, bytesOf(name)...)
	}
	for _, source := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
		r := NewReader(source)
		got, read := make(map[Type]int), 0
		for {
			m, n, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got[m.Type]++
			read += n
		}
		want := map[Type]int{EchoRequest: 1, EchoReply: 1, AddSession: 1, DeleteSession: 1, StateChange: 1, RequestCounters: 1, SessionCounters: 1}
		if diff := cmp.Diff(want, got); diff != "" || read != len(stream) || r.Waiting() != 0 {
			t.Errorf("%d of %d bytes, %d wait (-want +got):\n%s", read, len(stream), r.Waiting(), diff)
		}
	}
}

// FuzzReader reads any stream: nothing panics, it comes to an end, and what was
// decoded is written as it was.
func FuzzReader(f *testing.F) {
	for name := range messages {
		f.Add(bytesOf(name))
		f.Add(append(bytesOf(name), edited(name, 0, 2)...))
	}
	f.Add(edited("echo-request", 7, 0))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream))
		for at := 0; ; {
			m, n, err := r.Next()
			var malformed *Malformed
			if err != nil && !errors.As(err, &malformed) {
				return
			}
			if n < headerSize {
				t.Fatalf("a message of %d bytes", n)
			}
			if err == nil {
				again, err := Decode(m.Append(nil))
				if diff := cmp.Diff(m, again, sameAddr); diff != "" || err != nil {
					t.Fatalf("%x: %v\n%s", stream[at:at+n], err, diff)
				}
			}
			at += n
		}
	})
}

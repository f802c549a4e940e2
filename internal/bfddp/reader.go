package bfddp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// bufferSize is that of bfdd.
const bufferSize = 8192

// maxLength bounds what a message of a type that is not known may have.
const maxLength = 4096

// Reader takes messages out of a stream.
type Reader struct {
	r    *bufio.Reader
	Peak int // the most bytes that have waited at once
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, bufferSize)} }

// Waiting returns how many bytes have been read and not been looked at yet.
func (r *Reader) Waiting() int { return r.r.Buffered() }

// Malformed is a message that means nothing. The next one can be read.
type Malformed struct{ Err error }

// Error says what is wrong with it.
func (e *Malformed) Error() string { return "malformed message: " + e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *Malformed) Unwrap() error { return e.Err }

// Next returns the next message. After a *Malformed the stream goes on; any other
// error is its end: io.EOF between two messages, io.ErrUnexpectedEOF within one, a
// VersionError, a length that nothing has.
func (r *Reader) Next() (Message, int, error) {
	head, err := r.r.Peek(headerSize)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, 0, err
	}
	if head[0] != Version {
		return Message{}, 0, VersionError(head[0])
	}
	length := int(be.Uint16(head[6:]))
	if length < headerSize || length > maxLength {
		return Message{}, 0, fmt.Errorf("message says that it has %d bytes: the stream cannot be followed", length)
	}
	whole, err := r.r.Peek(length)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, 0, err
	}
	r.Peak = max(r.Peak, r.r.Buffered())
	m, err := Decode(whole)
	_, _ = r.r.Discard(length) // which it has
	if err != nil {
		err = &Malformed{err}
	}
	return m, length, err
}

package control

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"sync"
)

// buffers are for answers: reading the API again and again makes little garbage.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// A buffer that has grown beyond mostBuffer is not kept; an answer that comes in
// parts is written when one reaches partSize.
const (
	mostBuffer = 256 << 10
	partSize   = 32 << 10
)

func takeBuffer() *bytes.Buffer {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

func giveBuffer(b *bytes.Buffer) {
	if b.Cap() <= mostBuffer {
		buffers.Put(b)
	}
}

// each is a body that is made piece by piece: it calls what it is given with every
// session of a list.
type each func(func(*Session) error) error

// reply encodes before it writes, so that a failure can still be answered.
func (s *Server) reply(w http.ResponseWriter, status int, body any) {
	switch body := body.(type) {
	case nil:
		w.WriteHeader(status)
		return
	case each:
		s.replyEach(w, status, body)
		return
	}
	b := takeBuffer()
	defer giveBuffer(b)
	if err := json.NewEncoder(b).Encode(body); err != nil {
		s.log.Error("control answer cannot be encoded", "err", err)
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":{"code":"internal","message":"a fault in xbfd: see its log"}}` + "\n")
	}
	begin(w, status)
	_, _ = w.Write(b.Bytes()) // a client that has gone is no concern of ours
}

func begin(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
}

var contentJSON = []string{"application/json"}

// replyEach answers with a list, a part at a time. A failure is answered while
// nothing has been written; after that it breaks the connection, so that nobody
// takes half a list for a whole one.
func (s *Server) replyEach(w http.ResponseWriter, status int, body each) {
	b := takeBuffer()
	defer giveBuffer(b)
	encoder, begun, sep := json.NewEncoder(b), false, byte('[')
	write := func() error {
		if !begun {
			begun = true
			begin(w, status)
		}
		_, err := w.Write(b.Bytes())
		b.Reset()
		return err
	}
	err := body(func(x *Session) error {
		b.WriteByte(sep)
		sep = ','
		*x = whole(*x)
		if err := encoder.Encode(x); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
		if b.Len() < partSize {
			return nil
		}
		return write()
	})
	switch {
	case err != nil && begun:
		panic(http.ErrAbortHandler)
	case err != nil:
		s.fail(w, err)
		return
	case sep == '[':
		b.WriteByte('[')
	}
	b.WriteString("]\n")
	_ = write() // as in reply
}

// Place is where a session stands in a list: by the address of its peer first.
type Place struct {
	Peer, Local    netip.Addr
	Interface, VRF string
	ID             uint32 // the local discriminator
}

// PlaceOf returns the Place of a session.
func PlaceOf(s *Session) Place {
	return Place{s.Peer, s.Local, s.Interface, s.VRF, s.LocalDiscriminator}
}

// Compare orders Places.
func (p Place) Compare(q Place) int {
	return cmp.Or(p.Peer.Compare(q.Peer), p.Local.Compare(q.Local), cmp.Compare(p.Interface, q.Interface),
		cmp.Compare(p.VRF, q.VRF), cmp.Compare(p.ID, q.ID))
}

func sortSessions(list []Session) {
	slices.SortFunc(list, func(a, b Session) int { return PlaceOf(&a).Compare(PlaceOf(&b)) })
}

package dplane

import (
	"io"
	"sync"
)

// maxAhead is how many bytes are read before what they say has been dealt with:
// 29,000 sessions.
const maxAhead = 4 << 20

// pump reads ahead: bfdd throws away what the socket has no room for, so nothing is
// to wait there while a session is being made.
type pump struct {
	mu    sync.Mutex
	moved sync.Cond
	have  []byte
	err   error
}

// newPump reads from r until that ends.
func newPump(r io.Reader) *pump {
	p := new(pump)
	p.moved.L = &p.mu
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			p.mu.Lock()
			p.have = append(p.have, buf[:n]...)
			p.err = err
			p.moved.Broadcast()
			for len(p.have) > maxAhead && err == nil {
				p.moved.Wait()
			}
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Read waits for bytes; the end comes after the last of them.
func (p *pump) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.have) == 0 && p.err == nil {
		p.moved.Wait()
	}
	if len(p.have) == 0 {
		return 0, p.err
	}
	n := copy(b, p.have)
	p.have = p.have[:copy(p.have, p.have[n:])]
	p.moved.Broadcast()
	return n, nil
}

// end lets the reading go on to its end, though nobody takes anything any more.
func (p *pump) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have = nil
	p.moved.Broadcast()
}

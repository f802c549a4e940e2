package controltest

import (
	"context"
	"encoding/hex"
	"io"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// Frames are a frame received and one sent, and a discarded one.
func Frames() []control.CapturedFrame {
	up, _ := hex.DecodeString("020000000001020000000002080045c000340000400" +
		"0ff11f6d9c0000201c0000209c0000ec80020000020c003180000000b000001ff000f4240000f424000000000")
	at := When.Add(-time.Second)
	return []control.CapturedFrame{
		{Time: at, Direction: "rx", Repeats: 40, Last: at.Add(900 * time.Millisecond), Heard: 38, Length: len(up), Frame: up},
		{Time: at.Add(10 * time.Millisecond), Direction: "tx", Last: at.Add(10 * time.Millisecond), Length: len(up), Frame: up},
		{Time: at.Add(20 * time.Millisecond), Direction: "rx", Last: at.Add(20 * time.Millisecond), Discarded: "ttl", Length: len(up), Frame: up,
			Comment: "discarded: ttl"},
	}
}

// Capture implements control.Backend: every session has Frames.
func (b *Backend) Capture(ctx context.Context, id uint32) (control.Capture, error) {
	if err := b.ready(ctx); err != nil {
		return control.Capture{}, err
	}
	defer b.mu.Unlock()
	s, err := b.find(id)
	return control.Capture{Peer: s.Peer, Local: s.Local, Interface: s.Interface, Discr: id, Frames: Frames()}, err
}

// Watch implements control.Backend: Frames, of which the second one comes late, and
// the end.
func (b *Backend) Watch(ctx context.Context, id uint32) (control.FrameReader, error) {
	c, err := b.Capture(ctx, id)
	return &frameReader{head: c, left: c.Frames}, err
}

type frameReader struct {
	head control.Capture
	left []control.CapturedFrame
}

// Head returns the session without its frames.
func (r *frameReader) Head() control.Capture {
	h := r.head
	h.Frames = nil
	return h
}

// Next delivers one frame at a time, and says that two were lost before each.
func (r *frameReader) Next(_ context.Context, buf []control.CapturedFrame) ([]control.CapturedFrame, uint64, error) {
	if len(r.left) == 0 {
		return buf, 0, io.EOF
	}
	buf, r.left = append(buf, r.left[0]), r.left[1:]
	return buf, 2, nil
}

// Close does nothing.
func (*frameReader) Close() {}

package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/client"
)

// Of a pcapng file: an Enhanced Packet Block and its options. gopacket's writer
// knows no options of packets, so these blocks are made here.
const (
	enhancedPacket = 6

	optionEnd     = 0
	optionComment = 1
	optionFlags   = 2
	optionDrops   = 4

	inbound, outbound = 1, 2
	maxComment        = 1 << 10
)

// Writer writes frames of one session as a pcapng file.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes the head of a file about c's session, made by a program that
// calls itself by name.
func NewWriter(w io.Writer, c *client.Capture, name string) (*Writer, error) {
	options := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		OS: "linux", Application: name,
		Comment: fmt.Sprintf("BFD session %d from %s to %s on %s", c.Discr, c.Local, c.Peer, c.Interface),
	}}
	var head bytes.Buffer
	ng, err := pcapgo.NewNgWriterInterface(&head, pcapgo.NgInterface{
		Name: c.Interface, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9,
	}, options)
	if err == nil {
		err = ng.Flush()
	}
	if err == nil {
		_, err = w.Write(head.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("begin capture file: %w", err)
	}
	return &Writer{w: w}, nil
}

// Write writes one frame, in one call of the underlying Writer. lost is how many
// were lost just before it.
func (w *Writer) Write(f *client.CapturedFrame, lost uint64) error {
	b := w.buf[:0]
	at := uint64(f.Time.UnixNano())
	le := binary.LittleEndian
	b = le.AppendUint32(b, enhancedPacket)
	b = le.AppendUint32(b, 0) // the block's length, below
	b = le.AppendUint32(b, 0) // the one interface
	b = le.AppendUint32(b, uint32(at>>32))
	b = le.AppendUint32(b, uint32(at))
	b = le.AppendUint32(b, uint32(len(f.Frame)))
	b = le.AppendUint32(b, uint32(max(f.Length, len(f.Frame))))
	b = pad(append(b, f.Frame...))
	direction := uint32(inbound)
	if f.Direction == "tx" {
		direction = outbound
	}
	b = option(b, optionFlags, le.AppendUint32(nil, direction))
	if f.Comment != "" {
		b = option(b, optionComment, []byte(f.Comment[:min(len(f.Comment), maxComment)]))
	}
	if lost > 0 {
		b = option(b, optionDrops, le.AppendUint64(nil, lost))
	}
	b = option(b, optionEnd, nil)
	n := uint32(len(b) + 4)
	b = le.AppendUint32(b, n)
	le.PutUint32(b[4:], n)
	w.buf = b
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("write capture file: %w", err)
	}
	return nil
}

func option(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// pad brings b to whole words of 32 bits.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// File writes a whole file.
func File(w io.Writer, c *client.Capture, name string) error {
	var all []client.CapturedFrame
	for _, f := range c.Frames {
		all = append(all, f)
		if f.Repeats > 0 {
			all = append(all, repeat(f))
		}
	}
	slices.SortStableFunc(all, func(a, b client.CapturedFrame) int { return a.Time.Compare(b.Time) })
	out, err := NewWriter(w, c, name)
	if err != nil {
		return err
	}
	for i := range all {
		if err := out.Write(&all[i], 0); err != nil {
			return err
		}
	}
	return nil
}

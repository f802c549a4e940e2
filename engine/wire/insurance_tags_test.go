package wire

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A session on a VLAN is answered for with its own tag, by whichever priority the
// peer's came; what the stack has made of the tag does not matter.
func TestInsuranceTagged(t *testing.T) {
	for _, tt := range []struct{ transport, insurance string }{
		{TransportXDP, InsuranceTC}, {TransportGeneric, InsuranceTC}, {TransportXDP, InsuranceClsact},
	} {
		t.Run(tt.transport+", "+tt.insurance, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			device := r.a.device(t, "d20", vlan20)
			a := r.a.open(t, Options{Transport: tt.transport, Insurance: tt.insurance, Journal: unwritten{}})
			lanes := r.a.insure(t, 0)
			fd := r.b.packetSocket(t)
			must(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
			for family := range 2 {
				theirs, ours := withTag(r.b.says(family), 3<<13|vlan20), withTag(r.a.says(family), 6<<13|vlan20)
				if !lanes.Expect(family, theirs, device, int64(Now())) || !lanes.Insure(family, 1, 0, ours, 0) {
					t.Fatal("the frame is none for a lane")
				}
				patience(t, fd, 2*time.Second)
				for _, control := range []uint16{3<<13 | vlan20, vlan20} {
					_, err := unix.Write(fd, withTag(r.b.says(family), control))
					must(t, err)
					if diff := cmp.Diff(ours, r.b.seesTagged(t, fd)); diff != "" {
						t.Errorf("family %d, to %#x (-want +got):\n%s", family, control, diff)
					}
				}
				patience(t, fd, 2*time.Millisecond)
				for _, f := range [][]byte{r.b.says(family), withTag(r.b.says(family), 30), withTag(r.b.says(family), 3<<13)} {
					_, err := unix.Write(fd, f)
					must(t, err)
					if got := r.b.seesTagged(t, fd); got != nil {
						t.Errorf("family %d: %x was answered with %x", family, f, got)
					}
				}
				if n := lanes.Insured(family); n != 2 {
					t.Errorf("family %d: %d replies counted", family, n)
				}
			}
			if c := a.Counters(); c["insured"] != 4 || c["pass_to_tc"] != 4 {
				t.Errorf("counters %v", c)
			}
			rows.Covers(t, "ENV-L2-03")
		})
	}
}

func withTag(frame []byte, control uint16) []byte {
	tagged := binary.BigEndian.AppendUint16(append(append([]byte(nil), frame[:12]...), 0x81, 0), control)
	return append(tagged, frame[12:]...)
}

// seesTagged waits for the next datagram for BFD to the end, and returns its frame
// with the tag that the kernel tells of beside it; nil if none comes.
func (e *end) seesTagged(t *testing.T, fd int) []byte {
	t.Helper()
	buf, control := make([]byte, 2048), make([]byte, 256)
	for {
		n, nc, _, _, err := unix.Recvmsg(fd, buf, control, 0)
		if err != nil {
			return nil
		}
		frame := append([]byte(nil), buf[:n]...)
		messages, err := unix.ParseSocketControlMessage(control[:nc])
		must(t, err)
		for _, m := range messages {
			// struct tpacket_auxdata: the status is its first word, the tag its 16th byte.
			if m.Header.Type == unix.PACKET_AUXDATA && binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_VLAN_VALID != 0 {
				frame = withTag(frame, binary.NativeEndian.Uint16(m.Data[16:]))
			}
		}
		var d packet.Datagram
		if packet.ParseEthernet(frame, &d); d.DstMAC == e.mac && d.DstPort == packet.PortControl {
			return frame
		}
	}
}

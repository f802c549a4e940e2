package flight

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/packet"
)

func TestTap(t *testing.T) {
	tap := NewTap(false)
	frame := framed(packet.Up, 3, nil)
	for i := range tapFrames + 5 {
		tap.Sent(frame, 42, false, int64(i))
	}
	frames := tap.Take(nil)
	if len(frames) != tapFrames || frames[0].At != 0 || frames[tapFrames-1].At != tapFrames-1 || tap.Lost() != 5 {
		t.Errorf("%d frames, %d lost", len(frames), tap.Lost())
	}
	tap.Received(seen(frame, 7, packet.DropTTL))
	if tap.End(); !tap.Ended() {
		t.Error("goes on after its end")
	}
	if diff := cmp.Diff([]told{{At: 7, Last: 7, Drop: packet.DropTTL, State: packet.Up}}, tell(tap.Take(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package packet_test

import (
	"fmt"
	"testing"

	"github.com/xbfd/xbfd/packet"
)

func TestDropNames(t *testing.T) {
	seen := map[string]packet.Drop{}
	for d := range packet.NumDrops {
		name := d.String()
		if other, ok := seen[name]; ok || name == "" || name == "unknown" {
			t.Errorf("drop %d has the name %q, as drop %d", d, name, other)
		}
		seen[name] = d
	}
	if got := packet.NumDrops.String(); got != "unknown" {
		t.Errorf("beyond the last: %q", got)
	}
	if got := fmt.Sprint(packet.DropFrame, packet.DropZeroMyDiscr, packet.DropHandoffFull); got != "bad_frame zero_my_discr handoff_full" {
		t.Errorf("names %q", got)
	}
}

package bpf

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
)

func TestProgramVerdicts(t *testing.T) {
	b := newRig(t, true)
	for _, tt := range frames() {
		t.Run(tt.name, func(t *testing.T) {
			want := uint32(pass)
			switch tt.verdict {
			case "steered":
				want = redirect
			case "ttl":
				want = drop
			}
			frame := tt.frame.bytes(t)
			action, verdict, out := b.run(t, frame)
			if action != want || verdict != tt.verdict {
				t.Fatalf("action %d, verdict %q; want %d, %q", action, verdict, want, tt.verdict)
			}
			if action == redirect {
				out = out[8:]
			}
			if diff := cmp.Diff(frame, out); diff != "" {
				t.Errorf("frame changed (-sent +out):\n%s", diff)
			}
		})
	}
	rows.Covers(t, "5082-3-03", "5082-3-05", "5082-3-06", "5082-5.4-01", "ENV-L2-01")
}

// A queue without a socket is the kernel's: nothing is lost before the sockets
// are there, or when one is gone.
func TestProgramNoSocket(t *testing.T) {
	b := newRig(t, false)
	action, verdict, _ := b.run(t, v4().bytes(t))
	if action != pass || verdict != "pass_no_socket" {
		t.Errorf("action %d, verdict %q", action, verdict)
	}
	action, verdict, _ = b.run(t, v4().with(func(f *frame) { f.ttl = 254 }).bytes(t))
	if action != drop || verdict != "ttl" {
		t.Errorf("TTL 254: action %d, verdict %q", action, verdict)
	}
}

// A frame cut short anywhere is passed as soon as the UDP header is gone, and
// ours until then; a discriminator counts only in a whole packet.
func TestProgramTruncated(t *testing.T) {
	b := newRig(t, true)
	for _, tt := range []struct {
		name    string
		frame   *frame
		headers int
		steered int // shortest frame that is ours
		cut     string
	}{
		{"v4", v4(), 42, 42, ""},
		{"v6", v6(), 62, 62, ""},
		{"v4 by discriminator", v4().from(foreign4).your(discr), 42, 66, "pass_foreign"},
		{"v6 by discriminator", v6().from(foreign6).your(discr), 62, 86, "pass_foreign"},
		{"v4 multihop by discriminator", newMultihop(foreign4, farLocal4).your(discr), 42, 66, "pass_foreign"},
		{"v4 echo", newEcho(foreign4, local4, discr), 42, 50, "pass_foreign"},
		{"v6 echo", newEcho(foreign6, local6, discr), 62, 70, "pass_foreign"},
		{"v4 on a VLAN", v4().on(6), 46, 46, ""},
		{"v6 on a VLAN by discriminator", v6().from(foreign6).your(discr).on(6), 66, 90, "pass_foreign"},
		{"v4 on another VLAN", v4().with(tags(10)), 46, 1000, "pass_vlan"},
	} {
		whole := tt.frame.bytes(t)
		for n := 14; n <= len(whole); n++ {
			want := "steered"
			switch {
			case n < tt.headers:
				want = "pass_other"
			case n < tt.steered:
				want = tt.cut
			}
			if _, verdict, _ := b.run(t, whole[:n]); verdict != want {
				t.Errorf("%s cut to %d of %d bytes: verdict %q, want %q", tt.name, n, len(whole), verdict, want)
			}
		}
	}
}

// The stamp is the time of arrival on the engine's clock, right in front of the
// frame.
func TestProgramStamp(t *testing.T) {
	b := newRig(t, true)
	for range 100 {
		before := monotonic(t)
		_, _, out := b.run(t, v4().bytes(t))
		after := monotonic(t)
		if stamp := int64(binary.NativeEndian.Uint64(out)); stamp < before || stamp > after {
			t.Fatalf("stamp %d is not between %d and %d", stamp, before, after)
		}
	}
}

func monotonic(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return ts.Nano()
}

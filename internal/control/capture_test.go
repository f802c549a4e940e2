package control_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

func TestCapture(t *testing.T) {
	b := controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"))
	c := client.New(controltest.Serve(t, b))
	defer c.Close()
	got, err := c.Capture(t.Context(), client.Target{X: "192.0.2.1"})
	if err != nil || len(got.Frames) != 3 || got.Discr != 11 || got.Interface != "eth0" || len(got.Frames[0].Frame) != 66 {
		t.Errorf("%+v, %v", got, err)
	}
	for live, want := range map[bool]int{false: 4, true: 3} {
		var file bytes.Buffer
		if err := c.CaptureTo(t.Context(), client.Target{X: "11"}, live, &file); err != nil {
			t.Fatal(err)
		}
		r, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, _, err = r.ReadPacketData()
		}
		if n-1 != want || err != io.EOF {
			t.Errorf("live %v: %d packets, %v", live, n-1, err)
		}
	}
	if err := c.CaptureTo(t.Context(), client.Target{X: "99"}, true, io.Discard); err == nil || err.Error() != "no session with local discriminator 99" {
		t.Errorf("unknown session: %v", err)
	}
}

func TestCaptureRefuses(t *testing.T) {
	b := four()
	for _, tt := range []struct {
		method, body string
		status       int
		say          string
	}{
		{"POST", "", 200, `"local-discriminator":11`},
		{"POST", `{"format": "json"}`, 200, `"frames":[{`},
		{"GET", "", 405, "GET is not for this route"},
		{"POST", `{"format": "pcap"}`, 400, `"field":"format"`},
		{"POST", `{"live": true}`, 400, `"field":"live"`},
		{"POST", `{"live": 1}`, 400, "true or false"},
		{"POST", `{"lve": true}`, 400, `did you mean \"live\"`},
		{"POST", `[]`, 400, "not a JSON object"},
	} {
		w := request(b, tt.method, "/v1/sessions/11/capture", tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.say) {
			t.Errorf("%s %s: %d %s", tt.method, tt.body, w.Code, w.Body)
		}
	}
}

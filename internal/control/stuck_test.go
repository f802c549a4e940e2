package control_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

// Clients that ask for much and read nothing keep nobody else waiting.
func TestStuckReaders(t *testing.T) {
	var many []control.Session
	for i := range 2000 {
		many = append(many, controltest.Up(uint32(i+1), fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "192.0.2.9", "eth0"))
	}
	socket := controltest.Serve(t, controltest.New(many...))
	for range 16 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := fmt.Fprint(c, "GET /v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	c := control.NewClient(socket)
	defer c.Close()
	began := time.Now()
	for range 3 {
		if list, err := c.Sessions(t.Context(), control.Filter{}); err != nil || len(list) != len(many) {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		down := true
		if _, err := c.Change(t.Context(), control.Target{X: "7"}, control.SessionChange{Shutdown: &down}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("three lists and three changes took %v", took)
	}
}

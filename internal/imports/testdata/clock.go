package clock

import (
	"net/netip"
	clk "time"
)

var (
	start = clk.Now()
	none  netip.Addr
)

func wait(f func()) { clk.AfterFunc(clk.Second, f) }

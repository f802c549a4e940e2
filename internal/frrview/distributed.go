package frrview

import (
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/client"
)

// ShowDistributed returns what FRR answers to Distributed: the connections there
// are, seen from this end.
func ShowDistributed(list []client.DataPlane) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%28s\n%28s\n", "Data plane", "==========")
	for i := range list {
		p := &list[i]
		if !p.Connected {
			continue
		}
		line := func(label string, n any) { fmt.Fprintf(&b, "%28s: %d\n", label, n) }
		line("File descriptor", p.FD)
		line("Input bytes", p.In.Bytes)
		line("Input bytes peak", p.In.Peak)
		line("Input messages", p.In.Messages)
		line("Input current usage", p.In.Waiting)
		line("Output bytes", p.Out.Bytes)
		line("Output bytes peak", p.Out.Peak)
		line("Output messages", p.Out.Messages)
		line("Output full events", p.Out.Full)
		line("Output current usage", p.Out.Waiting)
		b.WriteByte('\n')
	}
	return b.String()
}

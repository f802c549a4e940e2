package hooks

import (
	"context"
	"testing"
	"time"
)

// BenchmarkCommands is what a mass failure costs: so many events, each a process.
func BenchmarkCommands(b *testing.B) {
	r := New(Options{})
	r.Set(parse(b, "hooks: [{on: down, run: [/bin/true], dampening: off}]"))
	for i := range b.N {
		r.Add(event("down", i%60000+1))
		for i%maxWaiting == maxWaiting-1 && r.Status()[0].Waiting > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.Close(ctx)
	if s := r.Status()[0]; s.Done != uint64(b.N) {
		b.Fatalf("%+v", s)
	}
}

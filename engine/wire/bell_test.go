package wire

import (
	"testing"
	"time"
)

func TestBell(t *testing.T) {
	b, err := NewBell()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	heard := make(chan error)
	wait := func() { heard <- b.Wait() }
	b.Ring() // before anybody waits, and twice: that is one wake-up
	b.Ring()
	for range 2 {
		go wait()
		select {
		case err := <-heard:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was woken")
		}
		if n := testing.AllocsPerRun(10, b.Ring); n != 0 {
			t.Errorf("%v allocations to ring", n)
		}
	}
	_ = b.Wait()
	go wait()
	select {
	case <-heard:
		t.Error("woken although nobody rang")
	case <-time.After(20 * time.Millisecond):
	}
	b.Ring()
	<-heard
}

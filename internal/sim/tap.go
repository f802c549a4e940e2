package sim

// Tap is an end of a link with no host behind it: whoever holds it hears the
// frames that arrive and sends its own.
type Tap struct {
	world *World
	out   *Wire
	hear  func(frame []byte)
}

// NewTap puts a tap on one side of a link. hear is called at the instant a frame
// arrives, with bytes that are valid until it returns.
func (w *World) NewTap(out, in *Wire, hear func(frame []byte)) *Tap {
	t := &Tap{world: w, out: out, hear: hear}
	in.far = t
	return t
}

// Send puts a frame on the link now.
func (t *Tap) Send(frame []byte) { t.out.send(t.world.copyFrame(frame)) }

func (t *Tap) arrive(f *frame) {
	t.hear(f.bytes())
	t.world.giveBack(f)
}

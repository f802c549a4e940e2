package config

// What is kept of the sessions' packets unless the file says otherwise.
const (
	DefaultCaptureFrames = 16
	DefaultCapturePool   = 2048

	maxCaptureFrames = 255
	minCapturePool   = 16
	maxCapturePool   = 1 << 20
)

// Capture says what is kept of the sessions' packets.
type Capture struct {
	Frames        int    // of each session; 0 keeps none
	Pool          int    // of all sessions of a worker together
	OnDown        string // directory for a file at each failure; empty writes none
	ShowPasswords bool   // of simple authentication, in what is captured
}

func defaultCapture() Capture {
	return Capture{Frames: DefaultCaptureFrames, Pool: DefaultCapturePool}
}

func (d *document) capture(into *Capture) func(value) {
	return func(v value) {
		d.mapping(v, fields{
			"frames":         d.number(&into.Frames, 0, maxCaptureFrames),
			"pool":           d.number(&into.Pool, minCapturePool, maxCapturePool),
			"on-down":        d.directory(&into.OnDown),
			"show-passwords": d.flag(&into.ShowPasswords),
		})
		if into.OnDown != "" && into.Frames == 0 {
			d.fault(v, "on-down needs something to write: set frames to 1 or more")
		}
	}
}

// directory takes an absolute path, or nothing.
func (d *document) directory(into *string) func(value) {
	return func(v value) {
		switch s, ok := d.text(v); {
		case ok && s != "":
			d.path(into)(v)
		case ok:
			*into = ""
		}
	}
}

// same tells whether a daemon that runs as c needs no new start to run as o.
func (c Capture) same(o Capture) bool { return c.with(o.OnDown) == o }

func (c Capture) with(onDown string) Capture {
	c.OnDown = onDown
	return c
}

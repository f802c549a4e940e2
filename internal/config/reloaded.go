package config

// Reloaded returns what a daemon that runs as c runs as after reading next: the
// keys that RestartNeeded names stay, the rest is next's.
func (c Config) Reloaded(next Config) Config {
	next.File, next.Control = c.File, c.Control
	next.Workers, next.FastPath, next.Metrics = c.Workers, c.FastPath, c.Metrics
	next.DataPlane = c.DataPlane
	next.Capture = c.Capture.with(next.Capture.OnDown)
	return next
}

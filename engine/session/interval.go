package session

// commonIntervals are those that RFC 7419 §3 asks everybody to support, in
// microseconds, with the 10 s that graceful restart wants.
var commonIntervals = [...]uint32{3_300, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000}

// CommonInterval returns the least of RFC 7419's common intervals that is not
// shorter than us, in microseconds: an adjustment always goes to the slower
// value. Beyond the longest one it returns us.
func CommonInterval(us uint32) uint32 {
	for _, c := range commonIntervals {
		if us <= c {
			return c
		}
	}
	return us
}

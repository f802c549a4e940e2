package bench

import (
	"encoding/json"
	"fmt"
	"io"
)

// Part runs one of the processes that a measurement consists of: the load peer,
// the idle counter, the flood. It is for this package's own use, with the
// options that it encodes itself; the part ends when in does.
func Part(name, options string, in io.Reader, out io.Writer) error {
	switch name {
	case "peer":
		return decoded(options, func(o peerOptions) error { return runPeer(o, in, out) })
	case "soak":
		return decoded(options, func(o soakOptions) error { return runSoak(o, out) })
	case "flood":
		return decoded(options, func(o floodOptions) error { return runFlood(o, in, out) })
	}
	return fmt.Errorf("no part %q", name)
}

func decoded[T any](text string, run func(T) error) error {
	var o T
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	return run(o)
}

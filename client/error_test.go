package client

import "testing"

// TestErrorNamesFieldOnce: the message about a file names its fields itself.
func TestErrorNamesFieldOnce(t *testing.T) {
	for want, e := range map[string]*Error{
		"peer: is missing": {Field: "peer", Message: "is missing"},
		"is not to be had": {Message: "is not to be had"},
		"a.yaml:1:2: peers[0].peer: is missing\na.yaml:3:2: peers[1].peer: is missing": {
			Field: "peers[0].peer", Message: "a.yaml:1:2: peers[0].peer: is missing\na.yaml:3:2: peers[1].peer: is missing",
		},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
